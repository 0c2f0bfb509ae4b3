import Foundation
import Model
import TestSupport
import Testing

/// The built program and real LVM, on a VM of the lab: this machine's kernel has no device mapper. Each test has the VM's disks
/// for itself and leaves them empty.
@Suite(
    .enabled(if: LVMHost.isUp, "needs a VM of the lab (`Tests/Lab/lab up --vmhosts 1`), from its underlay"), .serialized
)
struct VMHostLVMTests {
    private let vm = LVMHost()

    @Test func dataGoesOnlyWhenAskedTwice() async throws {
        try await withVolumeGroups("lvmkeep") { fleet in
            try fleet.edit("fleet.yaml", "spec: {}", "spec: {deletedVolumes: {keepFor: 7d}}")
            try fleet.write("pools.yaml", fleet.group(thin: nil))
            try fleet.write("kept.yaml", fleet.volume("kept", "64MiB"))
            try fleet.write("gone.yaml", fleet.volume("gone", "64MiB", "deletion: delete"))
            let applied = try await fleet.apply()
            #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
            let kept = "vg-infra/" + fleet.identity.logicalVolumeName("kept")
            let gone = "vg-infra/" + fleet.identity.logicalVolumeName("gone")
            // A group gives out its space as it is; a volume begins with zeros.
            #expect(try await vm.sh(#"cmp -n 67108864 "/dev/$1" /dev/zero && echo zeros"#, kept) == "zeros")
            try await vm.sh(#"echo mine >"/dev/$1""#, kept)
            let sum = try await vm.sum(kept)
            try await vm.sh(#"echo secret >"/dev/$1"; sync"#, gone)
            // `0 131072 linear 254:16 2048`: where the device has it, in sectors.
            let extent = try await vm.sh(#"dmsetup table "/dev/$1" | cut -d' ' -f 4,5"#, gone)
            let words = extent.split(separator: " ").map(String.init)
            let (device, sector) = (try #require(words.first), try #require(words.last))
            let look = #"dd if="/dev/block/$1" iflag=direct skip="$2" count=1 status=none | tr -d '\0'"#
            #expect(try await vm.sh(look, device, sector) == "secret")

            try fleet.remove("kept.yaml")
            try fleet.remove("gone.yaml")
            try fleet.edit("pools.yaml", "devices:", "wipe: true, devices:")
            let deferred = try await fleet.apply()
            #expect(deferred.status == 3, "\(deferred)")
            #expect(try await vm.size(gone) == 64 << 20)
            let removed = try await fleet.apply("--allow", "data-loss")
            #expect(removed.status == 0 && removed.lastLine == "No changes.", "\(removed)")
            #expect(try await vm.sh(#"lvs "$1" 2>/dev/null || echo none"#, gone) == "none")
            // What is to be wiped does not stay, whatever the fleet says.
            #expect(removed.output.contains("says `wipe: true`, so nothing of it stays"), "\(removed)")
            #expect(try await vm.sh("lvs --noheadings vg-infra | wc -l") == "1")
            #expect(try await vm.sum(kept) == sum)
            #expect(try await vm.sh(look, device, sector) == "")

            // Back again: only by word, and with its data.
            try fleet.write("kept.yaml", fleet.volume("kept", "64MiB"))
            #expect(try await fleet.apply().status == 1)
            try fleet.write("kept.yaml", fleet.volume("kept", "128MiB", "reuse: true"))
            let taken = try await fleet.apply()
            #expect(taken.status == 0 && taken.lastLine == "No changes.", "\(taken)")
            #expect(try await vm.size(kept) == 128 << 20)
            #expect(try await vm.sh(#"head -c 5 "/dev/$1""#, kept) == "mine")
            #expect(try await vm.sh(#"cmp -i 67108864 -n 67108864 "/dev/$1" /dev/zero && echo zeros"#, kept) == "zeros")
        }
    }

    /// What is deleted gets another name, comes back sharing its blocks, and goes when its time is over.
    @Test func whatIsDeletedStaysForAWhile() async throws {
        try await withVolumeGroups("lvmdeleted") { fleet in
            try fleet.edit("fleet.yaml", "spec: {}", "spec: {deletedVolumes: {keepFor: 7d}}")
            try fleet.write("pools.yaml", fleet.group(thin: "size: 512MiB, overprovision: 2"))
            for name in ["gone", "cut"] {
                try fleet.write("\(name).yaml", fleet.volume(name, "64MiB", "deletion: delete"))
            }
            let applied = try await fleet.apply()
            #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
            let names = ["gone", "cut"].map { "vg-infra/" + fleet.identity.logicalVolumeName($0) }
            try await vm.sh(#"echo mine >"/dev/$1"; echo cut >"/dev/$2"; sync"#, names[0], names[1])
            let sums = [try await vm.sum(names[0]), try await vm.sum(names[1])]

            // The one as a run leaves it that is killed between the tags and the name.
            try await vm.sh(
                #"lvchange -q --addtag infra.deleted=20261120t020000z --addtag infra.until=21990101t000000z "$1""#,
                names[1])
            try fleet.remove("gone.yaml")
            try fleet.remove("cut.yaml")
            let deleted = try await fleet.apply("--allow", "data-loss")
            #expect(deleted.status == 0 && deleted.lastLine == "No changes.", "\(deleted)")
            let kept = "vg-infra/" + (try await vm.sh("lvs --noheadings -o lv_name vg-infra | grep -o 'i-.*gone.*'"))
            #expect(kept.contains("gone.deleted."))
            let cut = "vg-infra/" + fleet.identity.logicalVolumeName("cut.deleted.20261120t020000z")
            #expect(try await [vm.sum(kept), vm.sum(cut)] == sums)
            #expect(try await vm.sh(#"lvs "$1" "$2" 2>/dev/null || echo none"#, names[0], names[1]) == "none")
            #expect(try await vm.tags(cut).contains("infra.id=cut"))

            try fleet.write("back.yaml", fleet.volume("back", "64MiB", "from: {deleted: gone}"))
            let back = try await fleet.apply()
            #expect(back.status == 0 && back.lastLine == "No changes.", "\(back)")
            let copy = "vg-infra/" + fleet.identity.logicalVolumeName("back")
            #expect(
                try await vm.sh(#"lvs --noheadings -o origin "$1" | tr -d ' '"#, copy) == String(kept.dropFirst(9)))

            // Its time is over, and goes on for as long as it is named; what came back goes on without it.
            try await vm.sh(
                #"""
                until=$(lvs --noheadings -o lv_tags "$1" | grep -o 'infra.until=[^, ]*')
                lvchange -q --deltag "$until" --addtag infra.until=20200101t000000z "$1"
                """#, kept)
            #expect(try await fleet.apply().output.contains("stays beyond its time"))
            try fleet.write("back.yaml", fleet.volume("back", "64MiB"))
            let over = try await fleet.apply()
            #expect(over.status == 0 && over.lastLine == "No changes.", "\(over)")
            #expect(try await vm.sh(#"lvs "$1" 2>/dev/null || echo none"#, kept) == "none")
            #expect(try await [vm.sum(copy), vm.sum(cut)] == sums)
        }
    }

    @Test("hostile: an LV that exists with a foreign tag or a signature on it") func whatIsForeignStaysByteForByte()
        async throws
    {
        try await withVolumeGroups("lvmforeign") { fleet in
            try fleet.write("pools.yaml", fleet.group(thin: nil))
            #expect(try await fleet.apply().status == 0)
            let taken = "vg-infra/" + fleet.identity.logicalVolumeName("taken")
            try await vm.sh(
                #"lvcreate -q -q -Wn -L 64m --addtag backup -n "${1#*/}" vg-infra; mkfs.ext4 -q "/dev/$1""#, taken)
            try await vm.sh("truncate -s 64M /var/tmp/foreign.img; mkfs.ext4 -q /var/tmp/foreign.img")
            let device = try await vm.sh("losetup --find --show /var/tmp/foreign.img")
            let sums = [try await vm.sum(taken), try await vm.sh("sha256sum </var/tmp/foreign.img")]

            try fleet.write("taken.yaml", fleet.volume("taken", "64MiB"))
            try fleet.write(
                "other.yaml",
                """
                apiVersion: infra/v1
                kind: StoragePool
                metadata: {name: other}
                spec: {lvm: {volumeGroup: vg-other, devices: [\(device)]}}

                """)
            let applied = try await fleet.apply()
            #expect(applied.status == 1, "\(applied)")
            #expect(applied.output.contains("/dev/\(taken) is there and not ours"), "\(applied)")
            #expect((applied.output + applied.error).contains("carries a signature"), "\(applied)")
            #expect(try await [vm.sum(taken), vm.sh("sha256sum </var/tmp/foreign.img")] == sums)
            #expect(try await vm.tags(taken) == "backup")
            #expect(try await vm.sh("vgs --noheadings -o vg_name | tr -d ' '") == "vg-infra")
            try await vm.sh(#"losetup --detach "$1"; rm /var/tmp/foreign.img"#, device)
        }
    }

    @Test func aGroupIsTakenOverOnlyByWord() async throws {
        try await withVolumeGroups("lvmadopt") { fleet in
            try await vm.sh("vgcreate -q vg-infra /dev/disk/by-id/virtio-lvm-1; lvcreate -q -Wn -L 64m -n old vg-infra")
            let sum = try await vm.sum("vg-infra/old")
            try fleet.write("pools.yaml", fleet.group(thin: nil))
            let refused = try await fleet.apply()
            #expect(refused.status == 1 && refused.output.contains("write adopt: true"), "\(refused)")
            #expect(try await vm.sh("vgs --noheadings -o vg_tags vg-infra | tr -d ' '") == "")

            try fleet.edit("pools.yaml", "devices:", "adopt: true, devices:")
            try fleet.write("new.yaml", fleet.volume("new", "64MiB"))
            let applied = try await fleet.apply()
            #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
            #expect(try await vm.sum("vg-infra/old") == sum)
            #expect(try await vm.tags("vg-infra/old") == "")

            // What is in it is taken over one by one, with its bytes and its name, and changed then.
            try fleet.write("old.yaml", fleet.volume("archive", "64MiB", "file: old"))
            let adopted = try await fleet.apply()
            #expect(adopted.status == 0 && adopted.lastLine == "No changes.", "\(adopted)")
            #expect(try await vm.tags("vg-infra/old").contains("infra.id=archive"))
            #expect(try await vm.sum("vg-infra/old") == sum)
            try fleet.edit("old.yaml", "64MiB", "68MiB")
            let grown = try await fleet.apply()
            #expect(grown.status == 0 && grown.lastLine == "No changes.", "\(grown)")
            #expect(try await vm.size("vg-infra/old") == 68 << 20)
            #expect(try await vm.sh("head -c 67108864 /dev/vg-infra/old | sha256sum") == sum)

            // The pool leaves: the mark goes, what is in the group stays.
            try fleet.remove("pools.yaml")
            try fleet.remove("new.yaml")
            try fleet.remove("old.yaml")
            let left = try await fleet.apply()
            #expect(left.status == 0 && left.lastLine == "No changes.", "\(left)")
            #expect(try await vm.sh("vgs --noheadings -o vg_tags vg-infra | tr -d ' '") == "")
            #expect(try await vm.sh("lvs --noheadings vg-infra | wc -l") == "2")
        }
    }

    @Test func aFullPoolRefusesAndGoesOnWhenThereIsRoom() async throws {
        try await withVolumeGroups("lvmfull") { fleet in
            try fleet.write("pools.yaml", fleet.group(thin: "size: 128MiB, overprovision: 2"))
            try fleet.write("small.yaml", fleet.volume("small", "128MiB"))
            // What is promised has its limit before there is a pool, and when there is one.
            for isThere in [false, true] {
                try fleet.write("large.yaml", fleet.volume("large", "256MiB"))
                let refused = try await fleet.apply()
                #expect(refused.status == 4, "\(refused)")
                #expect((refused.output + refused.error).contains("128MiB missing"), "\(refused)")
                try fleet.remove("large.yaml")
                if !isThere { #expect(try await fleet.apply().status == 0) }
            }

            // A guest fills the pool.
            let small = "vg-infra/" + fleet.identity.logicalVolumeName("small")
            try await vm.sh(#"dd if=/dev/urandom of="/dev/$1" bs=1M count=128 oflag=direct status=none"#, small)
            let written = try await vm.sum(small)
            try fleet.write("copy.yaml", fleet.volume("copy", "64MiB", "image: tiny, clone: full"))
            let full = try await fleet.apply()
            #expect(full.status == 1, "\(full)")
            let words = full.output + full.error
            #expect(words.contains(#/vg-infra\/thin has 0MiB of its space left.* missing/#), "\(full)")
            #expect(try await vm.sum(small) == written)
            #expect(try await vm.sh("lvs --noheadings vg-infra | wc -l") == "2", "small and thin")
            try await vm.sh(#"blkdiscard "/dev/$1""#, small)
            let applied = try await fleet.apply()
            #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
        }
    }

    @Test func aMachineRunsOnALogicalVolumeThatGrows() async throws {
        try await withVolumeGroups("lvmvm") { fleet in
            try fleet.write("pools.yaml", fleet.group(thin: "size: 1GiB, overprovision: 2"))
            try fleet.write("vm.yaml", fleet.machine(size: "64MiB"))
            let applied = try await fleet.apply()
            #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
            let volume = "vg-infra/" + fleet.identity.logicalVolumeName("lvm-vm.root")
            #expect(try await vm.tags(volume).contains("infra.id=lvm-vm.root"))
            #expect(try await !vm.tags(volume).contains("infra.staged"))
            let definition = try await vm.sh("virsh dumpxml lvm-vm")
            #expect(definition.contains("<source dev='/dev/\(volume)'") && definition.contains("discard='unmap'"))
            #expect(definition.contains("<domain type='kvm'"), "\(definition)")
            // It booted from the image that was copied into it.
            try await vm.console(fleet, "lvm-vm", says: "infra-guest: vda \(64 << 20)")
            // Of 64 MiB the image fills a part.
            #expect(try await vm.sh(#"lvs --noheadings -o data_percent "$1" | tr -d ' '"#, volume) != "100.00")

            let again = try await fleet.apply()
            #expect(again.status == 0 && again.lastLine == "No changes.", "\(again)")

            try fleet.write("vm.yaml", fleet.machine(size: "128MiB"))
            let grown = try await fleet.apply()
            #expect(grown.status == 0 && grown.lastLine == "No changes.", "\(grown)")
            #expect(try await vm.size(volume) == 128 << 20)
            #expect(try await !vm.tags(volume).contains("infra.growing"))
            try await vm.console(fleet, "lvm-vm", says: "infra-guest: vda \(128 << 20)")

            // The machine goes; what it has written stays.
            let sum = try await removed(fleet, volume)
            #expect(try await vm.sum(volume) == sum)
            #expect(try await vm.tags(volume).contains("infra.retained"))
        }
    }

    /// A disk moves from a folder into a thin pool, back, and there again as its guest runs, by KVM; a thin snapshot keeps what it
    /// held, and is another machine's disk.
    @Test func aDiskMovesBetweenPoolsAndASnapshotKeepsIt() async throws {
        try await withVolumeGroups("lvmmove") { fleet in
            let inFast = "pool: fast, size: 64MiB, image: tiny, clone: full, format: raw"
            let inDisks = "pool: disks, size: 64MiB, image: tiny"
            try fleet.write("pools.yaml", fleet.group(thin: "size: 1GiB, overprovision: 2"))
            try fleet.write("vm.yaml", fleet.machine(size: "64MiB").replacing(inFast, with: inDisks))
            try fleet.write("scratch.yaml", fleet.volume("scratch", "64MiB"))
            let applied = try await fleet.apply()
            #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
            try await vm.console(fleet, "lvm-vm", says: "infra-guest: vda \(64 << 20)")
            let process = try await vm.sh("cat /run/libvirt/qemu/lvm-vm.pid")

            try fleet.edit("vm.yaml", inDisks, inFast)
            let moved = try await fleet.apply()
            #expect(moved.status == 0 && moved.lastLine == "No changes.", "\(moved)")
            let volume = "vg-infra/" + fleet.identity.logicalVolumeName("lvm-vm.root")
            #expect(try await vm.sh("virsh domblklist lvm-vm | grep -c '/dev/vg-infra/'") == "1")
            #expect(try await vm.sh("find /var/lib/infra -name 'lvm-vm.root.*' | wc -l") == "0")

            // What the thin snapshot holds stays; what is written to the disk then is not in it.
            let kept = "vg-infra/" + fleet.identity.logicalVolumeName("kept")
            try fleet.write("kept.yaml", fleet.volume("kept", "64MiB", "from: {volume: lvm-vm.root}, deletion: delete"))
            try fleet.write(
                "two.yaml",
                fleet.machine(size: "64MiB").replacing("lvm-vm", with: "lvm-two").replacing(
                    "image: tiny, clone: full", with: "from: {volume: kept}"))
            let snapshot = try await fleet.apply()
            #expect(snapshot.status == 0 && snapshot.lastLine == "No changes.", "\(snapshot)")
            #expect(
                try await vm.sh(#"lvs --noheadings -o origin "$1" | tr -d ' '"#, kept) == String(volume.dropFirst(9)))
            let sum = try await vm.sum(kept)
            try await vm.console(fleet, "lvm-two", says: "infra-guest: vda \(64 << 20)")
            try await vm.sh(
                GuestConsole.typing, "lvm-vm",
                "dd if=/dev/urandom of=/dev/vda bs=1M seek=40 count=12 2>/dev/null; sync; echo infra-guest: writ''ten")
            try await vm.console(fleet, "lvm-vm", says: "infra-guest: written")
            #expect(try await vm.sum(kept) == sum)
            let written = try await vm.sum(volume)
            #expect(written != sum)

            try await vm.sh(GuestConsole.typing, "lvm-vm", GuestConsole.counting)
            try await vm.console(fleet, "lvm-vm", says: "infra-guest: count 2")
            try fleet.edit("vm.yaml", inFast, inDisks)
            let back = try await fleet.apply()
            #expect(back.status == 0 && back.lastLine == "No changes.", "\(back)")
            #expect(try await vm.sh(#"lvs "$1" 2>/dev/null || echo none"#, volume) == "none")
            #expect(try await vm.contents() == written)
            // Nothing of it is left where its QEMU could open it.
            #expect(try await vm.sh(#"find "/proc/$1/root/dev" -type b"#, process) == "")

            // And there again: the volume has the number that the domain knew another one by.
            try fleet.edit("vm.yaml", inDisks, inFast)
            let again = try await fleet.apply()
            #expect(again.status == 0 && again.lastLine == "No changes.", "\(again)")
            #expect(try await vm.sh("virsh domblklist lvm-vm | grep -c '/dev/vg-infra/'") == "1")
            #expect(try await vm.sum(volume) == written)
            #expect(try await vm.sh("cat /run/libvirt/qemu/lvm-vm.pid") == process)
            #expect(try await vm.sh("virsh dumpxml lvm-vm | grep -c \"type='kvm'\"") == "1")
            let counts = try await vm.sh(
                #"grep -a -o 'infra-guest: count [0-9]*' "$1" | cut -d ' ' -f 3 | awk 'NR > 1 && $1 != last + 1 { bad = 1 } { last = $1 } END { print bad + 0, (NR > 3) }'"#,
                fleet.identity.consoleLogPath(machine: "lvm-vm"))
            #expect(counts == "0 1")

            // Discarding gives the pool its space back.
            let scratch = "vg-infra/" + fleet.identity.logicalVolumeName("scratch")
            try await vm.sh(#"dd if=/dev/urandom of="/dev/$1" bs=1M count=32 oflag=direct status=none"#, scratch)
            let before = try await used()
            try await vm.sh(#"blkdiscard "/dev/$1""#, scratch)
            #expect(try await used() < before)
        }
    }

    /// How much of the thin pool is in use, in hundredths of a percent.
    private func used() async throws -> Int {
        Int(try await vm.sh("lvs --noheadings -o data_percent vg-infra/thin | tr -d ' .'")) ?? 0
    }

    /// Takes the machine out of the manifests; the digest of its volume before it ends by itself.
    private func removed(_ fleet: RackFleet, _ volume: String) async throws -> String {
        try await vm.sh("virsh destroy lvm-vm")
        let sum = try await vm.sum(volume)
        try fleet.remove("vm.yaml")
        let applied = try await fleet.apply("--allow", "stop")
        #expect(applied.status == 0, "\(applied)")
        #expect(try await vm.sh("virsh list --all --name") == "")
        return sum
    }
}
