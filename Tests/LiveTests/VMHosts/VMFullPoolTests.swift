import Foundation
import Model
import TestSupport
import Testing

/// A pool that is full before a move into it is done, on a VM of the lab.
@Suite(
    .enabled(if: LVMHost.isUp, "needs a VM of the lab (`Tests/Lab/lab up --vmhosts 1`), from its underlay"), .serialized
)
struct VMHostFullPoolTests {
    private let vm = LVMHost()

    /// A folder is full before all of a disk is copied into it: the guest goes on where it is, and the next run moves it.
    @Test func aPoolThatFillsUpEndsTheMove() async throws {
        try await withVolumeGroups("lvmfills") { fleet in
            try await vm.sh(
                """
                truncate -s 100M /var/tmp/foreign.img
                mkfs.ext4 -q -m 0 /var/tmp/foreign.img
                mkdir -p /var/lib/infra/narrow
                mount -o loop /var/tmp/foreign.img /var/lib/infra/narrow
                fallocate -l 60M /var/lib/infra/narrow/ballast
                """)
            let inFast = "pool: fast, size: 64MiB, image: tiny, clone: full, format: raw"
            let inNarrow = "pool: narrow, size: 64MiB, image: tiny, clone: full"
            try fleet.write("pools.yaml", fleet.group(thin: "size: 1GiB"))
            try fleet.write(
                "narrow.yaml",
                """
                apiVersion: infra/v1
                kind: StoragePool
                metadata: {name: narrow}
                spec: {directory: {path: /var/lib/infra/narrow}, overcommit: 4}

                """)
            try fleet.write("vm.yaml", fleet.machine(size: "64MiB"))
            let applied = try await fleet.apply()
            #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
            let volume = "vg-infra/" + fleet.identity.logicalVolumeName("lvm-vm.root")
            let process = try await vm.sh("cat /run/libvirt/qemu/lvm-vm.pid")
            try await vm.console(fleet, "lvm-vm", says: "infra-guest: vda \(64 << 20)")
            try await vm.sh(
                GuestConsole.typing, "lvm-vm",
                "dd if=/dev/urandom of=/dev/vda bs=1M seek=14 count=50 2>/dev/null; sync; echo infra-guest: writ''ten"
            )
            try await vm.console(fleet, "lvm-vm", says: "infra-guest: written")
            let written = try await vm.sum(volume)

            try fleet.edit("vm.yaml", inFast, inNarrow)
            let full = try await fleet.apply()
            #expect(full.status == 1, "\(full)")
            let words = full.output + full.error
            #expect(words.contains(#/StoragePool/narrow has \d+.* left, .* missing/#), "\(full)")
            #expect(try await vm.sh("find /var/lib/infra/narrow -name 'lvm-vm.*' | wc -l") == "0")
            #expect(try await vm.sh("virsh domblklist lvm-vm | grep -c '/dev/vg-infra/'") == "1")
            #expect(try await vm.sum(volume) == written)
            try await vm.sh(GuestConsole.typing, "lvm-vm", "echo infra-guest: go''es on")
            try await vm.console(fleet, "lvm-vm", says: "infra-guest: goes on")

            try await vm.sh("rm /var/lib/infra/narrow/ballast")
            let moved = try await fleet.apply()
            #expect(moved.status == 0 && moved.lastLine == "No changes.", "\(moved)")
            #expect(try await vm.sh("virsh domblklist lvm-vm | grep -c '/var/lib/infra/narrow/'") == "1")
            #expect(try await vm.contents() == written)
            #expect(try await vm.sh("cat /run/libvirt/qemu/lvm-vm.pid") == process)
        }
    }
}
