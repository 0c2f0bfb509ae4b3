import Foundation
import Hosts
import Model

/// Writes the fields that we manage into a definition, each only where it differs. All else stays: addresses, aliases,
/// other tools' metadata, passwords, unknown nodes and their order.
struct DomainPatch {
    /// The placed machine, as the definition is to say.
    let machine: VirtualMachine
    let identity: Identity

    /// A whole new definition.
    func newDomain() -> XMLElement {
        var domain = DomainSkeleton.domain(
            machine, uuid: machine.status?.uuid ?? identity.uuid(ResourceID(.virtualMachine, machine.metadata.identity))
        )
        apply(to: &domain)
        return domain
    }

    /// Changes a definition that is there. The name stays: libvirt changes it by a call of its own.
    func apply(to domain: inout XMLElement) {
        // Before the mark is written, whose map says which devices are ours.
        DeviceNaming(domain).apply(to: &domain)
        MachineMark(machine, identity: identity).write(to: &domain)
        setMemory(&domain)
        setProcessors(&domain)
        setAccelerator(&domain)
        setBoot(&domain)
        domain.edit("devices") { devices in
            if machine.spec.unmanagedDevices == .remove {
                devices.removeElements(where: UnmanagedDevice.isUnmanaged)
            }
            patchDisks(&devices)
            patchSeed(&devices)
            patchInterfaces(&devices)
            patchConsole(&devices)
        }
    }

    private func setMemory(_ domain: inout XMLElement) {
        for (name, wanted) in [("memory", machine.spec.memory.max), ("currentMemory", machine.spec.memory.size)]
        where domain.first(name).flatMap(DomainReading.bytes) != wanted {
            domain.edit(name) { element in
                element["unit"] = "KiB"
                element.text = String(wanted.bytes >> 10)
            }
        }
    }

    private func setProcessors(_ domain: inout XMLElement) {
        let wanted = machine.spec.cpu
        guard DomainReading(identity: identity).cpu(domain) != wanted else { return }
        domain.edit("vcpu") { element in
            element["current"] = wanted.count == wanted.max ? nil : String(wanted.count)
            element.text = String(wanted.max)
        }
        // One entry for each processor, of the old number.
        domain.remove("vcpus")
    }

    private func setAccelerator(_ domain: inout XMLElement) {
        guard let accelerator = machine.spec.accelerator else { return }
        let type = accelerator == .kvm ? "kvm" : "qemu"
        guard domain["type"] != type else { return }
        domain["type"] = type
        domain.edit("features") { features in
            features.remove("tcg")
            if accelerator == .tcg { features.insert(DomainSkeleton.translationCache) }
        }
        // A processor model that a person chose stays; those that only the other accelerator has cannot.
        let other = accelerator == .kvm ? ["maximum"] : ["host-model", "host-passthrough"]
        domain.editFirst(where: { $0.name == "cpu" && other.contains($0["mode"] ?? "") }) {
            $0 = DomainSkeleton.cpu(accelerator)
        }
    }

    private func setBoot(_ domain: inout XMLElement) {
        let boot = machine.spec.boot
        let booted = machine.spec.disks.contains { $0.bootOrder != nil }
        domain.edit("os") { os in
            setText(&os, "kernel", boot?.kernelPath)
            setText(&os, "initrd", boot?.initrdPath)
            setText(&os, "cmdline", boot.flatMap { $0.commandLine.isEmpty ? nil : $0.commandLine })
            // The order of devices and that of kinds of devices exclude each other; libvirt states the latter unasked.
            if booted { os.remove("boot") }
        }
    }

    private func setText(_ element: inout XMLElement, _ name: String, _ wanted: String?) {
        guard element.first(name)?.text != wanted else { return }
        guard let wanted else {
            element.remove(name)
            return
        }
        element.edit(name) { $0.text = wanted }
    }
}
