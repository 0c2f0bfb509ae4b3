import Foundation
public import Model

extension GeneratedFleet {
    /// Made-up inventories of the hosts of a fleet, with what real hosts have and text that no one would choose. They
    /// are no state that a plan leads to; they are for whoever writes inventories down and reads them.
    public static func inventories(seed: UInt64, of fleet: FleetManifest) -> [HostInventory] {
        var random = SeededGenerator(seed: seed)
        return fleet.hosts.map { host in
            let name = host.metadata.identity
            var inventory = HostInventory(host: host)
            if !random.chance(5) { inventory.host.status = hostStatus(&random) }
            inventory.pools = fleet.pools.map { pool in
                var pool = pool
                pool.status = StoragePool.Status(
                    host: name, uuid: uuid(&random), name: text(&random), active: !random.chance(3),
                    autostart: random.chance(2), capacity: size(&random), available: size(&random))
                return pool
            }
            inventory.images = fleet.images.map { image in
                var image = image
                image.metadata.name = image.spec.sha256 ?? ""
                image.metadata.id = nil
                image.spec.virtualSize = size(&random)
                image.status = Image.Status(
                    host: name, pool: text(&random), path: text(&random), staged: random.chance(3))
                return image
            }
            inventory.networks = fleet.networks.map { observed($0, on: name, &random) }
            inventory.volumes = fleet.volumes.map { observed($0, on: name, &random) }
            inventory.machines = fleet.machines.map { observed($0, on: name, &random) }
            inventory.seeds = [text(&random): observedSeed(&random), "b": observedSeed(&random)]
            if random.chance(2) {
                inventory.firewall = Firewall(
                    ports: [
                        Firewall.Port(
                            name: "it1", machine: text(&random), interface: "eth0", devices: ["it1", "vnet0"],
                            from: [text(&random)],
                            sender: random.pick(
                                nil, .init(mac: MACAddress(value: 7), address: random.pick(nil, .loopback))),
                            to: random.pick([], ["drop", "drop"]), digest: text(&random))
                    ], isIntact: random.chance(2), isSaved: random.chance(2))
            }
            inventory.tracksConnections = random.pick(nil, true, false)
            inventory.boot = random.pick(
                nil,
                BootConfiguration(
                    makesLinks: true, loadsFirewall: false,
                    files: [BootFile(network: text(&random), name: text(&random), text: text(&random))]))
            inventory.shaping = random.pick(nil, .rules, .nothing)
            inventory.evpn = random.pick(
                nil,
                EVPN(
                    asn: 4_200_000_000, address: IPAddress(ipv4: 192, 0, 2, 11), neighbors: [.loopback, .loopback],
                    ownsRouter: false, ownsAdvertising: false, isIntact: false, isSaved: false))
            inventory.foreignRouter = random.pick(nil, BGPRouter(asn: 65_001, advertises: true, neighbors: [.loopback]))
            inventory.underlayMTU = random.pick(nil, 1500)
            inventory.vlans = random.pick(
                nil, VLANGround(isThere: true, interfaces: [VLANGround.Interface(name: text(&random), mtu: 9000)]))
            inventory.leases = random.pick(
                nil,
                Leases(
                    obstacle: random.pick(nil, text(&random)), held: [text(&random)],
                    isUnknown: random.pick(false, true)))
            inventory.fence = random.pick(
                nil, Fence(machines: [text(&random): [text(&random)]], isOver: random.chance(2)))
            inventory.foreign = ForeignObject.Kind.allCases.map { kind in
                ForeignObject(
                    kind: kind, name: text(&random), owner: random.pick("", "fleet 6f0a1d52…"),
                    uuid: random.pick(nil, "x"), path: random.pick(nil, "/a b"), vni: random.pick(nil, 7),
                    port: random.pick(nil, 4789), vlan: random.pick(nil, 42), interface: random.pick(nil, "eth1"),
                    cpu: random.pick(nil, 3), memory: size(&random),
                    macs: random.pick([], [MACAddress(value: 0x0102_0304_0506), MACAddress(value: 0)]))
            }
            inventory.unknown = [
                UnknownArea(.network, resource: ResourceID(.network, "x" + text(&random)), reason: text(&random)),
                UnknownArea(.host, reason: ""),
            ]
            return inventory
        }
    }

    /// Text as hosts may have it.
    static func text(_ random: inout SeededGenerator) -> String {
        let pieces = [
            "a", "on", "~", "null", "1e3", "0x1f", "12:30", " ", "\n", "\t", "'", "\"", "\\", "#", ": ", "- ", "{", "]",
            "é", "\u{1F600}", "\u{0}", "\u{1b}", "\u{85}", "\u{2028}", "\u{feff}", "\u{fffe}", "&a", "*a", "!t", "%",
            "---\n",
        ]
        return (0..<Int.random(in: 0...4, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }
            .joined()
    }

    private static func size(_ random: inout SeededGenerator) -> ByteCount? {
        random.pick(nil, ByteCount(.random(in: 0...ByteCount.limit, using: &random)), .gibibytes(3))
    }

    private static func observedSeed(_ random: inout SeededGenerator) -> VirtualMachine.Seed {
        VirtualMachine.Seed(path: text(&random), digest: random.pick(nil, text(&random)), salt: random.pick(nil, "00"))
    }

    private static func hostStatus(_ random: inout SeededGenerator) -> KVMHost.Status {
        KVMHost.Status(
            uuid: uuid(&random), hostname: text(&random), cpu: 2, memory: ByteCount(25_254_043_648),
            accelerator: random.pick(.tcg, .kvm), acceleratorReason: text(&random), libvirtVersion: "9.0.0")
    }

    private static func observed(
        _ network: Network, on host: String, _ random: inout SeededGenerator
    ) -> Network {
        var network = network
        let tunnel = Network.Tunnel(
            name: text(&random), vni: 1, port: 2, local: random.pick(nil, .loopback),
            interface: random.pick(nil, "eth0"),
            mtu: 1450, isUp: random.chance(2), bridge: random.pick(nil, "b"),
            flood: random.pick([], [.loopback, .loopback]), flooding: random.pick(.static, .evpn),
            bridgeLearns: random.chance(2), suppressesNeighbors: random.chance(2))
        network.status = Network.Status(
            host: host, uuid: uuid(&random),
            bridge: random.pick(nil, Network.Bridge(name: text(&random), mtu: 1, isUp: random.chance(2))),
            tunnel: random.pick(nil, tunnel),
            vlan: random.pick(
                nil,
                Network.VLANLink(name: text(&random), id: 42, interface: random.pick(nil, "eth1"), mtu: 1, bridge: nil)),
            service: random.pick(nil, Network.Service(), service(&random)))
        return network
    }

    private static func service(_ random: inout SeededGenerator) -> Network.Service {
        Network.Service(
            name: random.pick(nil, text(&random)), link: random.pick(nil, text(&random)),
            bridge: random.pick(nil, text(&random)), mtu: random.pick(0, 1450),
            mac: random.pick(nil, MACAddress(value: 0x5a00_0000_0001)), isUp: random.chance(2),
            isIsolated: random.chance(2), addresses: random.pick([], ["10.20.0.1/24", text(&random)]),
            options: random.pick([], [text(&random)]),
            leases: random.pick(
                [],
                [
                    Network.Service.Lease(
                        name: text(&random), mac: MACAddress(value: 0x5200_0000_0001), address: .loopback)
                ]),
            isServing: random.chance(2))
    }

    private static func observed(_ volume: Volume, on host: String, _ random: inout SeededGenerator) -> Volume {
        var volume = volume
        let mark = Volume.Mark(
            fleet: uuid(&random), id: text(&random), deletion: random.pick(.retain, .delete),
            origin: random.pick(nil, text(&random)), retained: random.chance(2))
        volume.status = Volume.Status(
            host: host, uuid: uuid(&random), path: text(&random), mark: random.pick(nil, mark),
            backing: random.pick(nil, text(&random)), allocation: size(&random), staged: random.chance(2))
        return volume
    }

    private static func observed(
        _ machine: VirtualMachine, on host: String, _ random: inout SeededGenerator
    ) -> VirtualMachine {
        var machine = machine
        machine.metadata.name = text(&random)
        machine.metadata.id = "vm"
        machine.spec = placed(machine.spec, &random)
        machine.status = VirtualMachine.Status(
            host: host, uuid: uuid(&random), state: VirtualMachine.State.allCases.randomElement(using: &random) ?? .off,
            live: random.chance(2) ? placed(machine.spec, &random) : nil,
            links: random.pick([:], ["eth0": text(&random)]), unmanaged: random.pick([], [text(&random), ""]),
            protected: random.chance(2))
        return machine
    }

    private static func placed(
        _ declared: VirtualMachine.Spec, _ random: inout SeededGenerator
    ) -> VirtualMachine.Spec {
        var spec = declared
        spec.disks = spec.disks.reversed().map { disk in
            var disk = disk
            disk.declared = nil
            disk.volume = random.pick(nil, "artist.root", text(&random))
            disk.path = random.pick(nil, text(&random))
            disk.format = random.pick(nil, .raw, .qcow2)
            return disk
        }
        for index in spec.interfaces.indices {
            spec.interfaces[index].network = random.pick(nil, "office")
            spec.interfaces[index].bridge = random.pick(nil, text(&random))
            spec.interfaces[index].device = random.pick(nil, text(&random))
            spec.interfaces[index].mtu = random.pick(nil, 1450)
        }
        spec.boot?.kernel = random.pick(nil, "linux")
        spec.boot?.kernelPath = random.pick(nil, text(&random))
        spec.boot?.initrdPath = random.pick(nil, text(&random))
        spec.boot?.commandLine = text(&random)
        spec.memory = VirtualMachine.Memory(size: ByteCount(1024), max: random.pick(nil, ByteCount(4096)))
        spec.seed = random.pick(nil, observedSeed(&random))
        spec.console.serialLogPath = random.pick(nil, text(&random))
        return spec
    }
}
