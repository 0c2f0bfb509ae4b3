# The demos and `make test` need Debian 12, Swift 6.3 and root; they install what else they need.
SHELL := /bin/bash
BUILD ?= debug
LAB := Tests/Lab/lab

.PHONY: help packages build release lint test bench campaign demo demo-racks demo-clean clean

help:
	@echo 'make build       the infra program, .build/debug/infra'
	@echo 'make release     the infra program for use, .build/release/infra'
	@echo 'make test        packages, build, every test; ends with `N passed, N failed, N skipped`'
	@echo 'make campaign    the long runs: a kill at every step boundary and more'
	@echo 'make bench       speed, as ratios against floors and peers'
	@echo 'make demo        the office on a lab host, from nothing to `No changes.`'
	@echo 'make demo-racks  two tenants on three lab hosts over ssh, the same way'
	@echo 'make demo-clean  removes every trace of them'
	@echo 'make lint        swift format lint --strict'

packages:
	@$(LAB) packages --install
	@Tests/Python/install

build: packages
	swift build --product infra

release: packages
	swift build -c release --product infra

lint:
	swift format lint --strict --recursive Package.swift Sources Tests

test: packages
	@Tests/run test

campaign: packages
	@Tests/run campaign

bench: packages
	@Tests/Benchmarks/run

demo: packages
	swift build --product infra
	@Tests/Lab/demo

demo-racks: packages
	swift build --product infra
	@Tests/Lab/demo-racks

demo-clean:
	@Tests/Lab/demo --clean
	@Tests/Lab/demo-racks --clean

clean:
	rm -rf .build
