import Foundation
import Model
import Testing

extension LiveTests {
    /// Files of volumes are copied within their pool: layers that are to be none, and what is to lose its zeros.
    @Suite struct FlattenLiveTests {
        private static let linked = "pool: disks, size: 64MiB, image: tiny}"
        private static let full = "pool: disks, size: 64MiB, image: tiny, clone: full}"

        @Test func aLayerIsFlattenedUnderItsGuest() async throws {
            try await withFleet("flatten") { fleet in
                let console = try await begin(fleet, vni: 7791)
                let wrote = try await console.answer("wrote", to: Self.writing)
                try await console.type(GuestConsole.counting)
                try await console.tells("count 3")
                let process = try await Virsh.process("layer")
                #expect(try await below(fleet.disk()).hasPrefix("\(fleet.pool)/img-"))

                try fleet.edit("layer.yaml", Self.linked, Self.full)
                let plan = try await fleet.infra("plan")
                #expect(plan.output.contains("copied under VirtualMachine/layer, which runs [live]"), "\(plan)")
                #expect(plan.output.contains("- status.backing: \(fleet.pool)/img-"), "\(plan)")
                let made = try await fleet.apply()
                #expect(made.status == 0 && made.lastLine == "No changes.", "\(made)")
                #expect(try await files(fleet) == [fleet.disk(isSecond: true)])
                #expect(try await place() == fleet.disk(isSecond: true))
                #expect(try await below(fleet.disk(isSecond: true)) == "nothing")
                #expect(try await Virsh.process("layer") == process)
                let seen = console.lines().count
                try await console.tells("count", after: seen) { $0.hasPrefix("infra-guest: count ") }
                let counts = console.counts()
                #expect(zip(counts, counts.dropFirst()).allSatisfy { $1 == $0 + 1 }, "\(counts)")
                #expect(try await console.answer("reads", to: Self.reading) == wrote)

                // Under a guest nothing is copied for its zeros.
                let refused = try await fleet.apply("--sparsify", "Volume/layer.root")
                #expect(refused.status == 4 && refused.output.contains("runs with it"), "\(refused)")

                // What is in the file is there when QEMU and its memory are gone.
                try await sh(#"kill -9 "$1"; tail --pid="$1" -f /dev/null"#, process)
                #expect(try await digest(fleet.disk(isSecond: true)) == wrote)
            }
        }

        /// What is cut off under a guest is gone on with by the next run; what is taken back leaves nothing.
        @Test func aFlatteningThatIsCutOffIsFinished() async throws {
            try await withFleet("cutflat") { fleet in
                let console = try await begin(fleet, vni: 7792, "migration: {bandwidth: 40Mbit}")
                let wrote = try await console.answer("wrote", to: Self.writing)
                let process = try await Virsh.process("layer")
                func kill() async throws {
                    let killed = try await fleet.watch("apply", []) { event, process in
                        if event.what == .stepProgress { process.send(SIGKILL) }
                    }
                    #expect(killed.status == 128 + Int(SIGKILL), "\(killed)")
                    #expect(try await sh("virsh dumpxml layer | grep -c '<mirror'") == "1")
                    #expect(try await files(fleet).count == 2)
                }
                try fleet.edit("layer.yaml", Self.linked, Self.full)
                try await kill()
                try fleet.edit("layer.yaml", Self.full, Self.linked)
                let back = try await fleet.apply("--lock-timeout", "60s")
                #expect(back.status == 0 && back.lastLine == "No changes.", "\(back)")
                #expect(try await files(fleet) == [fleet.disk()])

                try fleet.edit("layer.yaml", Self.linked, Self.full)
                try await kill()
                let next = try await fleet.apply("--lock-timeout", "60s")
                #expect(next.status == 0 && next.lastLine == "No changes.", "\(next)")
                #expect(try await files(fleet) == [fleet.disk(isSecond: true)])
                #expect(try await below(fleet.disk(isSecond: true)) == "nothing")
                #expect(try await Virsh.process("layer") == process)
                #expect(try await console.answer("reads", to: Self.reading) == wrote)
            }
        }

        @Test func whatIsOffIsFlattenedAndLosesItsZeros() async throws {
            try await withFleet("coldflat") { fleet in
                let console = try await begin(fleet, vni: 7793)
                let wrote = try await console.answer("wrote", to: Self.writing)
                try fleet.edit("layer.yaml", "cloudInit: {}", "cloudInit: {}\n  power: stopped")
                let stopped = try await fleet.apply("--allow", "stop", "--grace", "5s")
                #expect(stopped.status == 0 && stopped.lastLine == "No changes.", "\(stopped)")

                try fleet.edit("layer.yaml", Self.linked, Self.full)
                let flat = try await fleet.apply()
                #expect(flat.status == 0 && flat.lastLine == "No changes.", "\(flat)")
                #expect(try await files(fleet) == [fleet.disk(isSecond: true)])
                #expect(try await place() == fleet.disk(isSecond: true))
                #expect(try await below(fleet.disk(isSecond: true)) == "nothing")
                #expect(try await digest(fleet.disk(isSecond: true)) == wrote)

                // Zeros that were written take room until somebody asks.
                try await sh(
                    #"qemu-io -f qcow2 -c 'write -q -P 7 16M 16M' -c 'write -q -P 0 16M 16M' "$1""#,
                    fleet.disk(isSecond: true))
                let sum = try await digest(fleet.disk(isSecond: true))
                let before = try await room(fleet.disk(isSecond: true))
                #expect(try await fleet.infra("plan").lastLine == "No changes.")
                let sparse = try await fleet.apply("--sparsify", "Volume/layer.root")
                #expect(sparse.status == 0 && sparse.lastLine == "No changes.", "\(sparse)")
                #expect(try await files(fleet) == [fleet.disk()])
                #expect(try await digest(fleet.disk()) == sum)
                let after = try await room(fleet.disk())
                #expect(after + 15 << 20 < before, "\(before) and then \(after)")

                // It is cut off anywhere: one counts, with all that it held.
                for moment in ["started copy", "done copy", "done mark-moved", "done mark", "started remove"] {
                    let killed = try await fleet.watch("apply", ["--sparsify", "Volume/layer.root"]) { event, process in
                        let word = event.what == .stepStarted ? "started" : event.what == .stepDone ? "done" : ""
                        let name = event.step.split(separator: "/").last ?? ""
                        let isIt = moment == "\(word) \(name)" || moment == "started remove" && word == "started"
                        if isIt, moment != "started remove" || name.hasPrefix("remove-copy") {
                            process.send(SIGKILL)
                        }
                    }
                    #expect(killed.status == 128 + Int(SIGKILL), "\(moment): \(killed)")
                    let next = try await fleet.apply("--lock-timeout", "60s")
                    #expect(next.status == 0 && next.lastLine == "No changes.", "\(moment): \(next)")
                    let left = try await files(fleet)
                    let place = try await place()
                    #expect(left == [place], "\(moment): \(left)")
                    #expect(try await digest(left[0]) == sum, "\(moment)")
                }

                // It starts with what it has now.
                try fleet.edit("layer.yaml", "power: stopped", "power: running")
                let seen = console.lines().count
                #expect(try await fleet.apply().lastLine == "No changes.")
                try await console.tells("vda \(64 << 20)", after: seen)
            }
        }

        private static let writing =
            "dd if=/dev/urandom of=/dev/vda bs=1M seek=40 count=12 2>/dev/null; sync; "
            + "set -- $(sha256sum /dev/vda); echo infra-guest: wrote $1"
        private static let reading =
            "sync; echo 3 >/proc/sys/vm/drop_caches; set -- $(sha256sum /dev/vda); echo infra-guest: reads $1"

        private func begin(_ fleet: TestFleet, vni: Int, _ more: String = "") async throws -> GuestConsole {
            try fleet.writeBase(vni: vni)
            if !more.isEmpty {
                try fleet.edit(
                    "fleet.yaml", "id: \(fleet.id.lowercased)}", "id: \(fleet.id.lowercased)}\nspec: {\(more)}")
            }
            try fleet.writeMachine("layer", address: 11)
            let made = try await fleet.apply()
            #expect(made.status == 0 && made.lastLine == "No changes.", "\(made)")
            let console = GuestConsole("layer", of: fleet)
            try await console.tells("layer up 10.77.0.11")
            return console
        }

        /// Where the guest's disk is, by all its definitions.
        private func place() async throws -> String {
            try await sh(
                #"for how in '' --inactive; do virsh domblklist layer $how | awk '$1 == "vda" { print $2 }'; done | sort -u"#
            )
        }

        /// What a file is a layer over.
        private func below(_ path: String) async throws -> String {
            try await sh(
                #"qemu-img info -U --output=json "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin).get("backing-filename", "nothing"))'"#,
                path)
        }

        /// The digest of what a guest sees.
        private func digest(_ path: String) async throws -> String {
            try await sh(
                #"qemu-img convert -f qcow2 -O raw "$1" "$1.raw" && sha256sum "$1.raw" | cut -d ' ' -f 1; rm -f "$1.raw""#,
                path)
        }

        /// The bytes that a file takes.
        private func room(_ path: String) async throws -> Int {
            try #require(Int(try await sh(#"du --block-size=1 "$1" | cut -f 1"#, path)))
        }

        private func files(_ fleet: TestFleet) async throws -> [String] {
            try await sh(#"find "$1" -name 'layer.root*.qcow2*' | sort"#, fleet.pool).split(separator: "\n").map(
                String.init)
        }
    }
}

extension TestFleet {
    /// Where the guest's disk may lie.
    fileprivate func disk(isSecond: Bool = false) -> String {
        pool + "/" + identity.volumeFileName("layer.root", .qcow2, isSecond: isSecond)
    }
}
