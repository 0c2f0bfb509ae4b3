import Foundation
import Model
import TestSupport
import Testing

/// Thin pools and groups that get more room, on a VM of the lab.
@Suite(
    .enabled(if: LVMHost.isUp, "needs a VM of the lab (`Tests/Lab/lab up --vmhosts 1`), from its underlay"), .serialized
)
struct VMHostThinPoolTests {
    private let vm = LVMHost()

    /// LVM makes a thin pool larger while nobody looks, and that is no change; its group gets another device.
    @Test func aThinPoolGrowsByItself() async throws {
        try await withVolumeGroups("lvmextend") { fleet in
            let grows = "autoextend: {threshold: 80%, by: 50%}"
            try fleet.write("pools.yaml", fleet.group(thin: "size: 128MiB, overprovision: 4, " + grows))
            try fleet.write("small.yaml", fleet.volume("small", "256MiB"))
            let applied = try await fleet.apply()
            #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
            let profile = "infra-\(fleet.identity.fleet8)-fast-80-50"
            #expect(try await vm.sh("lvs --noheadings -o lv_profile vg-infra/thin | tr -d ' '") == profile)

            let small = "vg-infra/" + fleet.identity.logicalVolumeName("small")
            try await vm.sh(#"dd if=/dev/urandom of="/dev/$1" bs=1M count=110 oflag=direct status=none"#, small)
            let size = "lvs --noheadings --units b --nosuffix -o lv_size vg-infra/thin"
            try await vm.sh("timeout 60 bash -c 'until (($(\(size)) > 134217728)); do :; done'")
            #expect(try await vm.size("vg-infra/thin") == 192 << 20)

            // A device that holds something stays as it is.
            let second = "/dev/disk/by-id/virtio-lvm-2"
            try await vm.sh(#"mkfs.ext4 -q "$1" 64m"#, second)
            try fleet.edit("pools.yaml", "virtio-lvm-1]", "virtio-lvm-1, \(second)]")
            let refused = try await fleet.apply()
            #expect(refused.status == 1, "\(refused)")
            #expect((refused.output + refused.error).contains("\(second) carries a signature"), "\(refused)")
            #expect(try await vm.sh("vgs --noheadings -o pv_count vg-infra | tr -d ' '") == "1")
            try await vm.sh(#"wipefs --quiet --all "$1""#, second)
            try fleet.edit("pools.yaml", grows, "autoextend: {threshold: 70%, by: 10%}")
            let extended = try await fleet.apply()
            #expect(extended.status == 0 && extended.lastLine == "No changes.", "\(extended)")
            #expect(try await vm.sh("vgs --noheadings -o pv_count vg-infra | tr -d ' '") == "2")
            #expect(try await vm.size("vg-infra/thin") == 192 << 20)
            #expect(try await profiles() == "infra-\(fleet.identity.fleet8)-fast-70-10.profile")

            // No device is taken out, and nothing of ours stays behind.
            try fleet.edit("pools.yaml", ", \(second)]", "]")
            let told = try await fleet.apply()
            #expect(told.status == 0 && told.output.contains("no device is taken out"), "\(told)")
            try fleet.remove("small.yaml")
            try fleet.remove("pools.yaml")
            let left = try await fleet.apply()
            #expect(left.status == 0 && left.lastLine == "No changes.", "\(left)")
            #expect(try await profiles() == "")
            #expect(try await vm.sh("lvs --noheadings -o lv_profile vg-infra/thin | tr -d ' '") == "")
            #expect(try await vm.sh("vgs --noheadings -o pv_count vg-infra | tr -d ' '") == "2")
        }
    }

    /// The profiles of fleets that LVM knows.
    private func profiles() async throws -> String {
        try await vm.sh("find /etc/lvm/profile -name 'infra-*' -printf '%f\n'")
    }
}
