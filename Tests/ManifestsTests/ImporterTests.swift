import Foundation
import Model
import Testing

@testable import Manifests

/// Manifests from what is there. What was observed is whatever a stranger made of it.
@Suite struct ImporterTests {
    static let names = [
        "Old <server>", "old server", "OLD-SERVER", "</title>", "$(id)", "`reboot`", "日本語", "", "-", "..", "--x--",
        String(repeating: "x", count: 200), "a\nkind: Fleet", "b\u{2028}---\u{85}kind: Fleet", "\u{1b}[2J",
        "'; rm -rf /",
        "{{ x }}", "é", "#", "name: x",
    ]

    static func uuid(_ number: Int) throws -> UUID {
        try #require(UUID(uuidString: "00000000-0000-4000-8000-" + String(1_000_000_000_000 + number).suffix(12)))
    }

    static func host() throws -> KVMHost {
        var host = KVMHost(metadata: Metadata(name: "server-1"))
        host.status = KVMHost.Status(
            uuid: try uuid(0), hostname: "server-1", cpu: 2, memory: .gibibytes(1), accelerator: .tcg,
            acceleratorReason: "", libvirtVersion: "9.0.0")
        return host
    }

    /// A pool, and for each name a domain, a file that is its disk and a bridge that it is on.
    static func inventory(_ names: [String]) throws -> HostInventory {
        var inventory = HostInventory(host: try host())
        let folder = "/srv/vm/images"
        inventory.adoptable.pools = [
            StoragePool(
                metadata: Metadata(name: "Images & more"), spec: .init(path: folder),
                status: .init(
                    host: "server-1", uuid: try uuid(1), name: "Images & more", capacity: .gibibytes(1)))
        ]
        for (index, name) in names.enumerated() {
            let path = "\(folder)/\(name).qcow2"
            let bridge = "br\(index)"
            inventory.adoptable.volumes.append(
                Volume(
                    metadata: Metadata(name: "\(name).qcow2"),
                    spec: .init(pool: "Images & more", size: .gibibytes(2), clone: .full),
                    status: .init(host: "server-1", uuid: try uuid(2), path: path)))
            inventory.adoptable.networks.append(
                Network(
                    metadata: Metadata(name: bridge), spec: .init(bridgeName: bridge, mtu: 1500),
                    status: .init(host: "server-1", uuid: try uuid(3), bridge: .init(name: bridge, mtu: 1500))))
            let spec = VirtualMachine.Spec(
                host: "server-1", cpu: .init(count: 2), memory: .init(size: .gibibytes(2)), accelerator: .tcg,
                disks: [.init(name: "vda", volume: nil, path: path, format: .qcow2)],
                interfaces: [
                    .init(
                        name: "eth0", network: nil, mac: MACAddress(value: 0x5254_0000_0000 + UInt64(index)),
                        bridge: bridge)
                ], console: .init(serialLog: false))
            inventory.adoptable.machines.append(
                VirtualMachine(
                    metadata: Metadata(name: name), spec: spec,
                    status: .init(
                        host: "server-1", uuid: try uuid(100 + index), state: .running,
                        unmanaged: ["cdrom sda (\(name))"]
                    )))
            inventory.foreign.append(
                ForeignObject(kind: .domain, name: name, uuid: try uuid(500 + index).lowercased, obstacle: name))
        }
        return inventory
    }

    static func fleet() throws -> FleetManifest {
        let uuid = try uuid(9)
        return FleetManifest(
            fleet: Fleet(metadata: Metadata(name: "imported", id: uuid.lowercased), uuid: uuid), hosts: [try host()])
    }

    private func read(_ importer: Importer) -> ManifestResult {
        ManifestReader.read(importer.files().map { SourceFile(path: $0.file, bytes: Array($0.text.utf8)) })
    }

    @Test func whateverItIsCalledItIsAFleet() throws {
        let importer = Importer(try Self.inventory(Self.names), into: try Self.fleet(), isNew: true)
        let result = read(importer)
        let manifest = try #require(result.loaded, "\(result.diagnostics)").manifest
        #expect(manifest.machines.count == Self.names.count)
        #expect(Set(manifest.machines.map(\.metadata.name)).count == Self.names.count)
        #expect(manifest.machines.allSatisfy { Name.isValid($0.metadata.name) && $0.metadata.uuid != nil })
        #expect(manifest.machines.map(\.metadata.name).filter { $0.hasPrefix("old-server") }.count == 3)
        // Each of these is a line of text, whatever is in it.
        for text in importer.files().map(\.text) {
            for line in text.split(separator: "\n") where line.hasPrefix("#") {
                #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x2028 && $0.value != 0x85 })
            }
        }
        // Names that no manifest can say keep their files out, and the machines keep those disks as they are.
        let odd = Self.names.filter { $0.contains { $0.isNewline } || $0.contains("/") || $0.contains("\u{1b}") }
        #expect(importer.refusals.filter { $0.what.hasPrefix("file") }.count >= 2)
        #expect(manifest.volumes.count >= Self.names.count - odd.count - 1)
    }

    /// What is written is what is there: promised beyond what the host has, too.
    @Test func theHostMayPromiseWhatItDoes() throws {
        let importer = Importer(try Self.inventory(["a", "b"]), into: try Self.fleet(), isNew: true)
        let manifest = try #require(read(importer).loaded).manifest
        let host = try #require(manifest.hosts.first)
        #expect(host.spec.overcommit.cpu >= 2 && host.spec.overcommit.memory >= 4)
        #expect(host.spec.storageRoots == ["/srv/vm"])
        #expect(try #require(manifest.pools.first).spec.overcommit >= 4)
        #expect(manifest.machines.allSatisfy { $0.spec.ignoreChanges.contains("interfaces[eth0].mtu") })
        #expect(manifest.machines.allSatisfy { $0.spec.ignoreChanges.contains("disks[vda].bootOrder") })
    }

    @Test func whatCannotBeSaidIsNamed() throws {
        var inventory = try Self.inventory(["odd-memory", "shared", "raw", "down", "below"])
        inventory.adoptable.machines[0].spec.memory = .init(size: ByteCount(1_073_741_825))
        inventory.adoptable.machines[2].spec.disks[0].path = "/srv/vm/images/shared.qcow2"
        inventory.adoptable.networks[3].status?.bridge?.isUp = false
        inventory.adoptable.volumes[3].status?.backing = "/srv/vm/images/below.qcow2"
        let importer = Importer(inventory, into: try Self.fleet(), isNew: true)
        let reasons = importer.refusals.map { "\($0.what): \($0.reason)" }
        for part in [
            "domain odd-memory: no manifest can say its memory", "shared.qcow2: several domains have it: shared, raw",
            "link br3: it is down", "below.qcow2: other files are layers over it",
        ] {
            #expect(reasons.contains { $0.contains(part) }, "\(part)\n\(reasons)")
        }
        let manifest = try #require(read(importer).loaded).manifest
        #expect(!manifest.machines.contains { $0.metadata.name == "odd-memory" })
        #expect(manifest.machines.first { $0.metadata.name == "down" }?.spec.interfaces == [])
    }

    @Test func nothingIsThere() throws {
        let importer = Importer(HostInventory(host: try Self.host()), into: try Self.fleet(), isNew: true)
        #expect(importer.count == 0 && importer.refusals.isEmpty)
        let manifest = try #require(read(importer).loaded).manifest
        #expect(manifest.hosts.count == 1 && manifest.machines.isEmpty)
    }

    @Test func addedToAFleetTheNamesAreFree() throws {
        let first = Importer(try Self.inventory(["a"]), into: try Self.fleet(), isNew: true)
        let manifest = try #require(read(first).loaded).manifest
        var inventory = try Self.inventory(["a"])
        inventory.host = try #require(manifest.hosts.first)
        inventory.adoptable.machines[0].status?.uuid = try Self.uuid(77)
        inventory.adoptable.machines[0].spec.interfaces[0].mac = MACAddress(value: 0x5254_0000_0099)
        let second = Importer(inventory, into: manifest, isNew: false)
        #expect(second.files(prefix: "imported-").contains { $0.file == "imported-machines.yaml" })
        #expect(second.machines.map(\.metadata.name) == ["a-2"])
        #expect(second.refusals.contains { $0.reason.contains("overlap") })
    }
}
