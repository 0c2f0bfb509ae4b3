import Foundation
import Hosts
import Model

/// What a new domain has beside the fields that we manage. Once defined it is never touched again.
enum DomainSkeleton {
    /// PCI Express root ports for devices that come later: none can be added to a running guest.
    static let spareRootPorts = 8
    /// Devices of every guest that take a root port: SCSI, virtio-serial, USB, balloon, random numbers.
    private static let constantDevices = 5

    /// A domain without disks, interfaces, sizes and mark; `DomainPatch` writes those.
    static func domain(_ machine: VirtualMachine, uuid: UUID) -> XMLElement {
        let isTCG = machine.spec.accelerator == .tcg
        return XMLElement(
            "domain", [.init("type", isTCG ? "qemu" : "kvm")],
            [
                XMLElement("name", text: machine.metadata.name),
                XMLElement("uuid", text: uuid.lowercased),
                XMLElement("metadata"),
                XMLElement(
                    "os", [], [XMLElement("type", [.init("arch", "x86_64"), .init("machine", "q35")], text: "hvm")]),
                XMLElement(
                    "features", [],
                    [XMLElement("acpi"), XMLElement("apic")] + (isTCG ? [translationCache] : [])),
                cpu(isTCG ? .tcg : .kvm),
                XMLElement("clock", [.init("offset", "utc")]),
                XMLElement("on_poweroff", text: "destroy"),
                XMLElement("on_reboot", text: "restart"),
                XMLElement("on_crash", text: "destroy"),
                XMLElement("devices", [], devices(machine)),
            ])
    }

    /// What QEMU may keep of translated code; its own default is a share of the host's memory.
    static var translationCache: XMLElement {
        XMLElement("tcg", [], [XMLElement("tb-cache", [.init("unit", "MiB")], text: "32")])
    }

    /// The processor a guest sees: as much of the host's as migrates, or all that QEMU can translate.
    static func cpu(_ accelerator: Accelerator) -> XMLElement {
        switch accelerator {
        case .kvm: XMLElement("cpu", [.init("mode", "host-model")])
        case .tcg: XMLElement("cpu", [.init("mode", "maximum")])
        }
    }

    private static func devices(_ machine: VirtualMachine) -> [XMLElement] {
        let onPorts = machine.spec.disks.count { $0.bus == .virtio } + machine.spec.interfaces.count
        let ports = onPorts + constantDevices + spareRootPorts
        let rootPorts = (1...ports).map { index in
            XMLElement(
                "controller", [.init("type", "pci"), .init("index", String(index)), .init("model", "pcie-root-port")])
        }
        let channel = XMLElement(
            "channel", [.init("type", "unix")],
            [
                XMLElement("target", [.init("type", "virtio"), .init("name", UnmanagedDevice.agentChannel)]),
                XMLElement("alias", [.init("name", DeviceAlias.agent)]),
            ])
        let serial = XMLElement(
            "serial", [.init("type", "pty")],
            [
                XMLElement("target", [.init("type", "isa-serial"), .init("port", "0")]),
                XMLElement("alias", [.init("name", DeviceAlias.serial)]),
            ])
        let random = XMLElement(
            "rng", [.init("model", "virtio")],
            [XMLElement("backend", [.init("model", "random")], text: "/dev/urandom")])
        return [
            XMLElement("controller", [.init("type", "pci"), .init("index", "0"), .init("model", "pcie-root")])
        ] + rootPorts + [
            XMLElement("controller", [.init("type", "scsi"), .init("index", "0"), .init("model", "virtio-scsi")]),
            XMLElement("controller", [.init("type", "virtio-serial"), .init("index", "0")]),
            serial, channel, XMLElement("memballoon", [.init("model", "virtio")]), random,
        ]
    }
}
