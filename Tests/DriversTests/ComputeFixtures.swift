import Foundation
import Hosts
import Model

@testable import Drivers

/// Placed machines for tests.
enum ComputeFixtures {
    static let identity = Identity(fleet: UUID(uuidString: "6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f11") ?? UUID())

    /// A machine with one disk, one interface, a seed and a display.
    static func artist() -> VirtualMachine {
        placed(
            Metadata(name: "artist"),
            VirtualMachine.Spec(
                cpu: .init(count: 4), memory: .init(size: .gibibytes(4)), accelerator: .tcg,
                disks: [disk("root", of: "artist", order: 1)],
                interfaces: [interface("eth0", of: "artist", network: "office")],
                seed: .init(path: "/var/lib/infra/disks/\(identity.seedFileName(machine: "artist"))"),
                console: .init(serialLogPath: "/var/log/libvirt/qemu/artist.log", vnc: .init()), autostart: false))
    }

    /// A machine with nothing: neither disks nor interfaces.
    static func bare(_ name: String = "bare") -> VirtualMachine {
        placed(
            Metadata(name: name),
            VirtualMachine.Spec(
                cpu: .init(count: 1), memory: .init(size: .mebibytes(64)), accelerator: .tcg,
                console: .init(serialLog: false), autostart: false))
    }

    static func placed(_ metadata: Metadata, _ spec: VirtualMachine.Spec) -> VirtualMachine {
        var spec = spec
        spec.host = "server-1"
        let uuid = identity.uuid(ResourceID(.virtualMachine, metadata.identity))
        return VirtualMachine(
            metadata: metadata, spec: spec,
            status: .init(host: "server-1", uuid: uuid, state: .running, protected: spec.protect))
    }

    static func disk(
        _ name: String, of machine: String, bus: VirtualMachine.Disk.Bus = .virtio, order: Int? = nil,
        format: Volume.Format = .qcow2
    ) -> VirtualMachine.Disk {
        let file = identity.volumeFileName("\(machine).\(name)", format)
        return VirtualMachine.Disk(
            name: name, volume: "\(machine).\(name)", bus: bus, bootOrder: order,
            path: "/var/lib/infra/disks/\(file)", format: format)
    }

    static func interface(
        _ name: String, of machine: String, network: String, model: VirtualMachine.Interface.Model = .virtio,
        mtu: Int? = 1450, bandwidth: Bandwidth? = nil
    ) -> VirtualMachine.Interface {
        let uuid = identity.uuid(ResourceID(.virtualMachine, machine))
        return VirtualMachine.Interface(
            name: name, network: network, mac: identity.macAddress(machine: uuid, interface: name), model: model,
            bandwidth: bandwidth, device: identity.deviceName(machine: machine, interface: name),
            bridge: identity.bridgeName(network), mtu: mtu)
    }

    /// A machine of that seed, always the same.
    static func random(_ seed: UInt64, name: String = "m-1") -> VirtualMachine {
        var random = SplitMix(state: seed)
        func any<T>(_ values: T...) -> T { values[Int.random(in: values.indices, using: &random)] }
        func names(_ pool: [String]) -> [String] { pool.filter { _ in Bool.random(using: &random) }.sorted() }
        let isDirect = Bool.random(using: &random)
        let count = Int.random(in: 1...8, using: &random)
        let size = ByteCount.mebibytes(UInt64.random(in: 16...9000, using: &random))
        var order = 0
        let disks = names(["root", "data", "a", "swap", "b-1"]).map { disk in
            order += 1
            return ComputeFixtures.disk(
                disk, of: any("x", "y"), bus: any(.virtio, .scsi, .sata),
                order: isDirect ? nil : any(order, order, nil), format: any(.qcow2, .raw))
        }
        let limits: [Bandwidth.Limit?] = (0..<2).map { place in
            guard place == 0 || Bool.random(using: &random) else { return nil }
            return Bandwidth.Limit(
                average: BitRate(kilobytes: any(1000, 2000)), peak: any(nil, BitRate(kilobytes: 4000)),
                burst: any(nil, .mebibytes(1)))
        }
        let interfaces = names(["eth0", "lan", "wan", "z9"]).map { interface in
            ComputeFixtures.interface(
                interface, of: any("x", "y"), network: any("office", "lab"), model: any(.virtio, .e1000e),
                mtu: any(nil, 1450, 9000), bandwidth: any(nil, Bandwidth(inbound: limits[0], outbound: limits[1])))
        }
        let boot = VirtualMachine.DirectBoot(
            kernel: nil, commandLine: any("", "console=ttyS0 a='b c' & <d> \"e\" $(id)"),
            kernelPath: any("/k1", "/k'2"),
            initrdPath: any(nil, "/i"))
        let vnc = VirtualMachine.Console.VNC(
            listen: any(.loopback, IPAddress(ipv4: 0, 0, 0, 0), IPAddress("::1") ?? .loopback),
            port: any(nil, 5901, 5999)
        )
        return placed(
            Metadata(name: name),
            VirtualMachine.Spec(
                cpu: .init(count: count, max: any(count, count + 3)),
                memory: .init(size: size, max: any(size, size + .gibibytes(1))), accelerator: any(.tcg, .kvm),
                boot: isDirect ? boot : nil, disks: disks, interfaces: interfaces,
                seed: any(nil, .init(path: "/s/1.iso"), .init(path: "/s/2.iso")),
                console: .init(serialLogPath: any(nil, "/l/1.log", "/l/2.log"), vnc: any(nil, vnc)),
                autostart: any(true, false), protect: any(true, false)))
    }

    /// What reading the machine's definition is to give: no more than a definition holds.
    static func readable(_ machine: VirtualMachine) -> VirtualMachine.Spec {
        var spec = machine.spec
        spec.boot?.kernel = nil
        spec.boot?.initrd = nil
        spec.cloudInit = nil
        spec.console.serialLog = spec.console.serialLogPath != nil
        for index in spec.interfaces.indices { spec.interfaces[index].network = nil }
        return spec
    }

    static func read(_ domain: XMLElement, as machine: VirtualMachine) -> VirtualMachine.Spec? {
        DomainReading(identity: identity).spec(
            domain, host: "server-1", state: .running, autostart: machine.spec.autostart)
    }
}

/// Steele, Lea and Flood's SplitMix64: the same numbers from the same seed everywhere.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
