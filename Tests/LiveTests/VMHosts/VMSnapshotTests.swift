import Foundation
import Model
import TestSupport
import Testing

/// Snapshots in a volume group, on a VM of the lab.
@Suite(
    .enabled(if: LVMHost.isUp, "needs a VM of the lab (`Tests/Lab/lab up --vmhosts 1`), from its underlay"), .serialized
)
struct VMHostSnapshotTests {
    private let vm = LVMHost()

    /// One disk of a guest that runs is kept by a thin snapshot, both of its disks at one moment by libvirt; the one is taken anew for
    /// the other, a part without its name gets it, and a volume that starts from one shares its blocks.
    @Test func whatRunsOnAThinPoolIsKept() async throws {
        try await withVolumeGroups("lvmsnapshot") { fleet in
            try fleet.edit("fleet.yaml", "spec: {}", "spec: {policy: {rotateSnapshots: true}}")
            try fleet.write("pools.yaml", fleet.group(thin: "size: 1GiB, overprovision: 2"))
            let root = "clone: full, format: raw}"
            try fleet.write(
                "vm.yaml",
                fleet.machine(size: "64MiB").replacing(
                    root, with: root + ", {name: data, pool: fast, size: 32MiB, format: raw}"))
            try fleet.write(
                "loose.yaml",
                fleet.volume("loose", "32MiB").replacing("fast", with: "disks").replacing("raw", with: "qcow2"))
            let applied = try await fleet.apply()
            #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
            // The guest sees `data` first.
            try await vm.console(fleet, "lvm-vm", says: "infra-guest: vdb \(64 << 20)")
            let process = try await vm.sh("cat /run/libvirt/qemu/lvm-vm.pid")

            try fleet.write("one.yaml", snapshot("one", "volume: lvm-vm.root, schedule: {every: 24h}"))
            let loose = try await vm.sh("find /var/lib/infra -name 'loose.*.qcow2'")
            try await vm.sh(#"qemu-io -f qcow2 -c 'write -q -P 7 1M 1M' "$1""#, loose)
            try fleet.write("off.yaml", snapshot("off", "volume: loose, pool: fast"))
            try fleet.write("both.yaml", snapshot("both", "machine: lvm-vm"))
            try fleet.write("files.yaml", snapshot("files", "machine: lvm-vm, pool: disks"))
            try fleet.write("other.yaml", other)
            try fleet.write("thick.yaml", snapshot("thick", "machine: lvm-vm, pool: other, deletion: delete"))
            try fleet.write("still.yaml", snapshot("still", "volume: loose, pool: other"))
            let kept = try await fleet.apply()
            #expect(kept.status == 0 && kept.lastLine == "No changes.", "\(kept)")
            let one = try #require(try await parts("one").first)
            let both = try await parts("both")
            #expect(both.count == 2)
            let disk = fleet.identity.logicalVolumeName("lvm-vm.root")
            #expect(try await vm.sh(#"lvs --noheadings -o origin "$1" | tr -d ' '"#, one) == disk)
            #expect(try await vm.sh(#"lvs --noheadings -o origin "$1" | tr -d ' '"#, both[1]) == "")
            #expect(try await vm.tags(both[1]).contains("infra.disks=data:root"))
            #expect(try await vm.sh("find /var/lib/infra -name 'files.*.qcow2' | wc -l") == "2")

            let off = try #require(try await parts("off").first)
            try await vm.sh(#"qemu-img compare -f qcow2 -F raw "$1" "/dev/$2""#, loose, off)

            let still = try #require(try await parts("still").first)
            try await vm.sh(#"qemu-img compare -f qcow2 -F raw "$1" "/dev/$2""#, loose, still)
            let thick = try await parts("thick")
            #expect(thick.count == 2 && thick.allSatisfy { $0.hasPrefix("vg-other/") }, "\(thick)")
            #expect(try await vm.sum(thick[1]) == vm.sum(both[1]))

            // The guest goes on, and what is kept stays.
            let sums = [try await vm.sum(one), try await vm.sum(both[0]), try await vm.sum(both[1])]
            #expect(sums[0] == sums[2])
            try await vm.sh(
                GuestConsole.typing, "lvm-vm",
                "dd if=/dev/urandom of=/dev/vdb bs=1M seek=40 count=12 2>/dev/null; sync; echo infra-guest: written")
            try await vm.console(fleet, "lvm-vm", says: "infra-guest: written")
            #expect(try await vm.sum("vg-infra/" + disk) != sums[0])
            #expect(try await [vm.sum(one), vm.sum(both[0]), vm.sum(both[1])] == sums)

            // What goes is wiped before; what a run has left that was killed as it wiped goes, and never has its name again.
            let places = [try await place(thick[1]), try await place(still)]
            #expect(try await [isEmpty(places[0]), isEmpty(places[1])] == [false, false])
            try await vm.sh(#"lvchange -q --addtag infra.staged --addtag infra.wiping "$1""#, still)
            try fleet.remove("thick.yaml")
            try fleet.remove("still.yaml")
            let wiped = try await fleet.apply("--allow", "data-loss")
            #expect(wiped.status == 0 && wiped.lastLine == "No changes.", "\(wiped)")
            #expect(try await parts("thick") == [])
            #expect(try await parts("still") == [])
            #expect(try await [isEmpty(places[0]), isEmpty(places[1])] == [true, true])

            // As a run leaves it that is killed between two names; the next time that one is due; and a volume from what goes for that.
            try await vm.sh(#"lvchange -q --addtag infra.staged "$1""#, both[1])
            try await age(one, of: fleet)
            try fleet.write("back.yaml", fleet.volume("back", "64MiB", "from: {snapshot: one}"))
            let next = try await fleet.apply()
            #expect(next.status == 0 && next.lastLine == "No changes.", "\(next)")
            #expect(next.output.contains("all of it was there when a run was interrupted"), "\(next)")
            #expect(try await !vm.tags(both[1]).contains("infra.staged"))
            let later = try await parts("one")
            #expect(later.count == 1 && later[0] != one, "\(later)")
            #expect(try await vm.sum(later[0]) != sums[0])
            #expect(try await vm.sum("vg-infra/" + fleet.identity.logicalVolumeName("back")) == sums[0])
            #expect(try await vm.sh("cat /run/libvirt/qemu/lvm-vm.pid") == process)
            #expect(try await vm.sh("virsh domjobinfo lvm-vm | grep -c 'Job type: *None'") == "1")
        }
    }

    private func snapshot(_ name: String, _ spec: String) -> String {
        """
        apiVersion: infra/v1
        kind: Snapshot
        metadata: {name: \(name)}
        spec: {\(spec)}

        """
    }

    /// The logical volumes that are parts of a snapshot, `group/name`, by the identity that their tags name.
    private func parts(_ snapshot: String) async throws -> [String] {
        try await vm.sh(
            #"lvs --noheadings -o tags,vg_name,lv_name "@infra.snapshot=$1" | sed -E 's/.*infra\.id=([^, ]*)[^ ]* +/\1 /' | sort | awk '{ print $2 "/" $3 }'"#,
            snapshot
        ).split(separator: "\n").map { String($0) }
    }

    /// A pool whose volumes are not thin, and wiped before they leave it.
    private let other = """
        apiVersion: infra/v1
        kind: StoragePool
        metadata: {name: other}
        spec: {lvm: {volumeGroup: vg-other, devices: [/dev/disk/by-id/virtio-lvm-2], wipe: true}}

        """

    /// Where a logical volume that is not thin has its second MiB: the device, and how many sectors are before it.
    private func place(_ volume: String) async throws -> (device: String, sector: Int) {
        let words = try await vm.sh(#"dmsetup table "/dev/$1" | cut -d ' ' -f 4,5"#, volume).split(separator: " ")
        return (String(words[0]), try #require(Int(words[1])) + 2048)
    }

    /// Whether that MiB is zeros.
    private func isEmpty(_ place: (device: String, sector: Int)) async throws -> Bool {
        try await vm.sh(
            #"dd if="/dev/block/$1" iflag=direct skip="$2" count=2048 status=none | tr -d '\0' | wc -c"#,
            place.device, String(place.sector)) == "0"
    }

    /// Makes a part a day older, as if the clock had gone on.
    private func age(_ part: String, of fleet: RackFleet) async throws {
        let tags = try await vm.tags(part)
        let id = try #require(tags.firstMatch(of: #/infra\.id=([^,]*)/#)).output.1
        let name = try #require(Snapshot.Part.named(by: String(id)))
        let moment = name.moment.adding(-86_400)
        let old = Snapshot.Part.volume(name.snapshot, moment, disk: name.disk)
        try await vm.sh(
            #"""
            lvchange -q --deltag "infra.id=$3" --addtag "infra.id=$4" --deltag "infra.moment=$5" --addtag "infra.moment=$6" "$1"
            lvrename -q "$1" "${1%/*}/$2"
            """#, part, fleet.identity.logicalVolumeName(old), String(id), old, name.moment.word, moment.word)
    }
}
