import Foundation
import Model
import Testing

extension LiveTests {
    /// What is not ours may be in the way. It is never touched.
    @Suite struct ForeignLiveTests {
        @Test func aDomainWithTheWantedName() async throws {
            try await withFleet("foreign") { fleet in
                try fleet.writeBase(vni: 7770)
                try fleet.writeMachine("wanted", address: 11, "power: stopped")
                try fleet.writeMachine("free", address: 12, "power: stopped")
                try await withForeignDomain("wanted") {
                    let before = try await Virsh.definition("wanted")
                    let reason = "VirtualMachine/wanted on server-1: domain wanted has its name or UUID and is not ours"
                    let plan = try await fleet.infra("plan")
                    #expect(plan.hasLine("  ! " + reason), "\(plan)")
                    let applied = try await fleet.apply("--allow", "data-loss")
                    #expect(applied.status == 1, "\(applied)")
                    // The rest went on.
                    #expect(try await Virsh.all() == ["free", "wanted"])
                    #expect(try await Virsh.definition("wanted") == before)
                    #expect(try await fleet.infra("status").output.contains("foreign: domain wanted on server-1\n"))
                    let destroyed = try await fleet.destroy("--allow", "data-loss")
                    #expect(destroyed.status == 0, "\(destroyed)")
                    #expect(try await Virsh.all() == ["wanted"])
                    #expect(try await Virsh.definition("wanted") == before)
                }
            }
        }

        /// The first plan sees it as well, though the folder is no pool yet.
        @Test func aFileWhereAVolumeIsToBe() async throws {
            try await withFleet("foreign") { fleet in
                try fleet.writeBase(vni: 7771)
                try fleet.writeMachine("wanted", address: 11, "power: stopped")
                try fleet.writeMachine("free", address: 12, "power: stopped")
                let file = fleet.pool + "/" + fleet.identity.volumeFileName("wanted.root", .qcow2)
                let look = #"stat -c '%i %a %s %Y' "$1"; sha256sum "$1"; getfattr -d "$1""#
                let before = try await sh(#"mkdir "$2"; echo mine >"$1"; "# + look, file, fleet.pool)

                let met = try await fleet.apply()
                #expect(met.status == 1 && met.output.contains("\(file) is there and not ours"), "\(met)")
                #expect(try await Virsh.all() == ["free"])
                let plan = try await fleet.infra("plan")
                #expect(plan.hasLine("  ! Volume/wanted.root on server-1: \(file) is there and not ours"), "\(plan)")
                #expect(
                    plan.hasLine(
                        "  ! VirtualMachine/wanted on server-1: waits for Volume/wanted.root, which is blocked"),
                    "\(plan)")
                #expect(try await fleet.apply("--allow", "data-loss").status == 1)
                let destroyed = try await fleet.destroy("--allow", "data-loss")
                #expect(destroyed.status == 0, "\(destroyed)")
                #expect(try await sh(look, file) == before)
            }
        }

        @Test(
            "hostile files: a link inside the files folder, an image with a backing file, encryption, sizes that cannot be"
        )
        func anImageThatLeadsElsewhere() async throws {
            try await withFleet("hostile") { fleet in
                try fleet.writeBase(vni: 7772)
                try fleet.writeMachine("victim", address: 11)
                try await sh(#"rm "$1/tiny.qcow2""#, fleet.files)
                let before = try await HostState.objects()
                let hostile = [
                    ("a link", "ln -s /etc/shadow tiny.qcow2"),
                    ("a backing file", "qemu-img create -q -f qcow2 -b /etc/shadow -F raw tiny.qcow2 64M"),
                    (
                        "an external data file",
                        "truncate -s 64M /tmp/outside; qemu-img create -q -f qcow2 -o data_file=/tmp/outside tiny.qcow2 64M"
                    ),
                    (
                        "a backing file over a network",
                        "qemu-img create -q -u -f qcow2 -b nbd://192.0.2.1/x -F raw tiny.qcow2 64M"
                    ),
                    (
                        "encryption",
                        "qemu-img create -q -f qcow2 --object secret,id=s,data=x -o encrypt.format=aes,encrypt.key-secret=s tiny.qcow2 64M"
                    ),
                    (
                        "a feature that nobody knows",
                        "qemu-img create -q -f qcow2 tiny.qcow2 64M; printf '\\x80' | dd of=tiny.qcow2 bs=1 seek=72 conv=notrunc status=none"
                    ),
                    (
                        "a disk of 2^62 bytes",
                        "qemu-img create -q -f qcow2 tiny.qcow2 64M; printf '\\x40' | dd of=tiny.qcow2 bs=1 seek=24 conv=notrunc status=none"
                    ),
                    ("not qcow2", "echo '#!/bin/sh' >tiny.qcow2"),
                    ("a pipe", "mkfifo tiny.qcow2"),
                ]
                for (what, make) in hostile {
                    try await sh(#"cd "$1"; eval "$2""#, fleet.files, make)
                    let applied = try await fleet.apply("--allow", "data-loss")
                    #expect(applied.status == 2 && applied.error.contains("error[image-file]"), "\(what): \(applied)")
                    try await sh(#"rm "$1/tiny.qcow2""#, fleet.files)
                    #expect(try await HostState.objects().changes(since: before) == [], "\(what)")
                }
                try await sh("rm -f /tmp/outside")
            }
        }

        private func withForeignDomain(_ name: String, _ body: () async throws -> Void) async throws {
            try await sh(
                #"""
                virsh define /dev/stdin >/dev/null <<TEXT
                <domain type='qemu'><name>$1</name><memory>65536</memory><os><type>hvm</type></os>
                <description>somebody else's</description></domain>
                TEXT
                """#, name)
            do {
                try await body()
            } catch {
                _ = try? await sh(#"virsh undefine "$1""#, name)
                throw error
            }
            try await sh(#"virsh undefine "$1""#, name)
        }
    }
}
