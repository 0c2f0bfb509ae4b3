import Foundation
import Model

extension GeneratedFleet {
    static func addMachine(_ index: Int, to fleet: inout FleetManifest, _ random: inout SeededGenerator) {
        let name = "vm-\(index)"
        let id = random.chance(8) ? "was-\(name)" : nil
        let memory = ByteCount.mebibytes(UInt64.random(in: 1...64, using: &random) * 64)
        let cpu = Int.random(in: 1...8, using: &random)
        let size = VirtualMachine.Memory(size: memory, max: random.pick(memory, memory + .gibibytes(1)))
        let boot = directBoot(in: fleet, &random)
        var spec = VirtualMachine.Spec(
            host: random.pick(nil, fleet.hosts.last?.metadata.identity),
            cpu: VirtualMachine.CPU(count: cpu, max: random.pick(cpu, cpu + 2)), memory: size,
            accelerator: random.pick(nil, .tcg), boot: boot, disks: disks(index, in: &fleet, &random),
            interfaces: interfaces(index, in: fleet, &random), console: console(&random))
        if random.chance(2) { spec.cloudInit = cloudInit(name, &random) }
        spec.power = random.pick(.running, .stopped, .manual)
        spec.autostart = !random.chance(3)
        spec.ready = random.pick(.running, .none)
        spec.protect = random.chance(5)
        spec.unmanagedDevices = random.pick(.keep, .remove)
        spec.ignoreChanges = random.chance(5) ? ["memory.size", "power"] : []
        let labels = random.chance(3) ? ["team": "design"] : [:]
        fleet.machines.append(
            VirtualMachine(metadata: Metadata(name: name, id: id, labels: labels), spec: spec))
    }

    private static func directBoot(
        in fleet: FleetManifest, _ random: inout SeededGenerator
    ) -> VirtualMachine.DirectBoot? {
        guard random.chance(3), let kernel = identity(of: .kernel, in: fleet) else { return nil }
        return VirtualMachine.DirectBoot(
            kernel: kernel, initrd: random.pick(nil, identity(of: .initrd, in: fleet)),
            commandLine: random.pick("", "console=ttyS0 a='b' # \"c\" <d>"))
    }

    private static func identity(of format: Image.Format, in fleet: FleetManifest) -> String? {
        fleet.images.first { $0.spec.format == format }?.metadata.identity
    }

    private static func disks(
        _ index: Int, in fleet: inout FleetManifest, _ random: inout SeededGenerator
    ) -> [VirtualMachine.Disk] {
        var disks = [
            VirtualMachine.Disk(
                name: "root", volume: nil, declared: volume(in: fleet, &random),
                bus: random.pick(.virtio, .scsi, .sata),
                bootOrder: 1)
        ]
        guard random.chance(3) else { return disks }
        let data = Volume(metadata: Metadata(name: "data-\(index)"), spec: volume(in: fleet, &random))
        disks.insert(VirtualMachine.Disk(name: "data", volume: data.metadata.identity), at: 0)
        fleet.volumes.append(data)
        return disks
    }

    private static func volume(in fleet: FleetManifest, _ random: inout SeededGenerator) -> Volume.Spec {
        let image = random.pick(nil, identity(of: .qcow2, in: fleet), identity(of: .raw, in: fleet))
        let format: Volume.Format = random.pick(.qcow2, .raw)
        return Volume.Spec(
            pool: fleet.pools.first?.metadata.identity ?? "", size: .gibibytes(.random(in: 1...50, using: &random)),
            image: image, clone: format == .raw ? .full : random.pick(.linked, .full), format: format,
            deletion: random.pick(.retain, .delete), reuse: random.chance(4))
    }

    private static func interfaces(
        _ index: Int, in fleet: FleetManifest, _ random: inout SeededGenerator
    ) -> [VirtualMachine.Interface] {
        fleet.networks.prefix(.random(in: 0...2, using: &random)).enumerated().map { place, network in
            let start = network.spec.subnet?.cidr.address.bytes ?? []
            let number = index + 100
            let address = IPAddress(bytes: start.prefix(2) + [UInt8(number >> 8 & 255), UInt8(number & 255)])
            let mac = MACAddress(value: 0x5254_0000_0000 + UInt64(index * 4 + place))
            return VirtualMachine.Interface(
                name: "eth\(place)", network: network.metadata.identity, address: random.chance(4) ? nil : address,
                mac: random.chance(4) ? mac : nil, model: random.pick(.virtio, .e1000e),
                spoofProtection: !random.chance(4), securityGroups: random.chance(4) ? ["web"] : [])
        }
    }

    private static func console(_ random: inout SeededGenerator) -> VirtualMachine.Console {
        VirtualMachine.Console(
            serialLog: !random.chance(3),
            vnc: random.pick(nil, VirtualMachine.Console.VNC(port: random.pick(nil, 5950))))
    }

    private static func cloudInit(_ name: String, _ random: inout SeededGenerator) -> CloudInit {
        let free: JSONValue = .object([
            JSONValue.Member("packages", .array([.string("vim"), .string("on"), .string("1e3"), .string("")])),
            JSONValue.Member("number", random.pick(.int(-7), .double(1.5), .null, .bool(true))),
            JSONValue.Member("text", .string(random.pick("a: b\n- c\n", "é \u{1F600}", "\"'\\ \t#", "\u{85}\u{2028}"))),
            JSONValue.Member("0", .object([])),
        ])
        return CloudInit(
            hostname: random.pick(nil, name + ".example"),
            users: random.chance(2) ? [CloudInit.User(name: "ops", sshKeys: ["ssh-ed25519 AAAA== ops@here"])] : [],
            userData: random.pick(.object([]), free), rerun: random.pick(nil, "2"))
    }
}
