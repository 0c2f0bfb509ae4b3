// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let flyingSocks = Target.Dependency.product(name: "FlyingSocks", package: "FlyingFox")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "infra",
    products: [.executable(name: "infra", targets: ["infra"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/swhitty/FlyingFox", from: "0.27.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CLibvirt", pkgConfig: "libvirt", providers: [.apt(["libvirt-dev"])]),
        .systemLibrary(name: "CXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
        .systemLibrary(name: "CCrypt", providers: [.apt(["libcrypt-dev"])]),
        .systemLibrary(name: "CLinux", providers: [.apt(["libc6-dev"])]),
        .systemLibrary(name: "CGit2", pkgConfig: "libgit2", providers: [.apt(["libgit2-dev"])]),
        .target(name: "Model", dependencies: [crypto], swiftSettings: settings),
        .target(name: "Manifests", dependencies: ["Model", "CYAML"], swiftSettings: settings),
        .target(name: "Planning", dependencies: ["Model"], swiftSettings: settings),
        .target(
            name: "Hosts", dependencies: ["Model", "CLibvirt", "CLinux", "CXML2", subprocess, systemPackage],
            swiftSettings: settings),
        .target(name: "Drivers", dependencies: ["Model", "Hosts", "CLinux"], swiftSettings: settings),
        .target(
            name: "Reconciler",
            dependencies: ["Model", "Manifests", "Planning", "Hosts", "Drivers", "CCrypt", crypto, logging],
            swiftSettings: settings),
        .target(
            name: "GitRepository", dependencies: ["Model", "CGit2", subprocess, systemPackage],
            swiftSettings: settings),
        .target(
            name: "Watching",
            dependencies: [
                "Model", "Manifests", "Planning", "Hosts", "Reconciler", "GitRepository", crypto, flyingSocks, grdb,
                logging, subprocess,
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "infra",
            dependencies: [
                "Model", "Manifests", "Planning", "Hosts", "Drivers", "Reconciler", "GitRepository", "Watching",
                argumentParser, crypto, logging,
            ],
            swiftSettings: settings),
        .target(
            name: "TestSupport", dependencies: ["Model", "Manifests", "Planning", subprocess, systemPackage],
            path: "Tests/Support", exclude: ["Servers"], swiftSettings: settings),
        .executableTarget(
            name: "BenchmarkInventory", dependencies: ["Model", "Manifests", "Planning", "TestSupport"],
            path: "Tests/Benchmarks/BenchmarkInventory", swiftSettings: settings),
        .executableTarget(
            name: "BenchmarkPlacement", dependencies: ["Model", "Planning", "TestSupport"],
            path: "Tests/Benchmarks/BenchmarkPlacement", swiftSettings: settings),
        .executableTarget(
            name: "BenchmarkCommit", dependencies: ["Model", "Manifests", "Planning", "GitRepository", "TestSupport"],
            path: "Tests/Benchmarks/BenchmarkCommit", swiftSettings: settings),
        .testTarget(name: "ModelTests", dependencies: ["Model"], swiftSettings: settings),
        .testTarget(name: "ManifestsTests", dependencies: ["Manifests", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "PlanningTests", dependencies: ["Planning", "Manifests", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "DriversTests", dependencies: ["Hosts", "Drivers", "TestSupport"], swiftSettings: settings),
        .testTarget(
            name: "GitTests", dependencies: ["GitRepository", "infra", "TestSupport", subprocess, systemPackage],
            exclude: ["Servers"],
            swiftSettings: settings),
        .testTarget(
            name: "LiveTests", dependencies: ["Model", "TestSupport", subprocess, systemPackage],
            swiftSettings: settings),
        .testTarget(
            name: "ReconcilerTests",
            dependencies: [
                "Reconciler", "Planning", "Manifests", "Hosts", "Model", "TestSupport", subprocess, systemPackage,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "WatchingTests",
            dependencies: [
                "Watching", "Hosts", "Reconciler", "Planning", "Manifests", "GitRepository", "TestSupport", subprocess,
                systemPackage,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "CommandLineTests",
            dependencies: ["infra", "Model", "Planning", "Reconciler", "TestSupport", subprocess, systemPackage],
            swiftSettings: settings),
    ]
)
