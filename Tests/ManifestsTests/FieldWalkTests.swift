import Manifests
import Model
import TestSupport
import Testing

@Suite struct FieldWalkTests {
    @Test func everyChangeIsAChangeThatCanBeWritten() throws {
        let fleet = GeneratedFleet.random(seed: 3, machines: 6)
        let variants = FieldWalk.variants(of: fleet)
        let text = ManifestDocument.write(fleet)
        #expect(variants.count > 200)
        for variant in variants {
            let isChanged = variant.manifest != fleet
            #expect(isChanged, "\(variant.resource) \(variant.field)")
            let isWritten = ManifestDocument.write(variant.manifest) != text
            #expect(isWritten, "\(variant.resource) \(variant.field)")
        }
    }

    @Test func everyFieldOfAMachineIsWalked() {
        let fleet = GeneratedFleet.random(seed: 3, machines: 12)
        let fields = Set(
            FieldWalk.variants(of: fleet).filter { $0.resource.kind == .virtualMachine }.map(\.field))
        for field in [
            "spec.host", "spec.cpu.count", "spec.cpu.max", "spec.memory.size", "spec.memory.max", "spec.accelerator",
            "spec.boot", "spec.boot.cmdline", "spec.disks", "spec.disks[root]", "spec.disks[root].size",
            "spec.disks[root].bus", "spec.interfaces[eth0].address", "spec.interfaces[eth0].mac", "spec.cloudInit",
            "spec.cloudInit.userData", "spec.console.serial.log", "spec.console.vnc", "spec.power", "spec.autostart",
            "spec.ready", "spec.protect", "spec.unmanagedDevices", "spec.ignoreChanges", "metadata.labels",
        ] {
            #expect(fields.contains(field), "\(field)")
        }
        #expect(!fields.contains("spec.seed"))
        #expect(!fields.contains("metadata.name"))
    }
}
