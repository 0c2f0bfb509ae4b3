import Foundation
import Model
import TestSupport
import Testing

extension VMHostTests {
    /// Pools on an NFS server, which is one of the VMs: this machine's kernel has no NFS.
    @Suite struct VMNFSTests {
        private let vm = RackHost.vm
        private static let folder = "/var/lib/infra/nas"

        /// A guest under KVM, the server gone, the export unmounted behind libvirt, the pool out of the manifests.
        @Test func aGuestRunsOnAnExport() async throws {
            try await withExport {
                try await withRacks("nfs", on: [vm]) { fleet in
                    try write(fleet, on: [vm])
                    try await begins(fleet)
                    try await survives(fleet)
                    try await mountsAnew(fleet)
                    try await leaves(fleet)
                }
            }
        }

        /// What lies on an export that is not mounted yet is unknown. What the guest writes is in the server's file.
        private func begins(_ fleet: RackFleet) async throws {
            let applied = try await fleet.apply()
            try #require(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
            #expect(applied.output.contains("could not be observed: it is not mounted yet"), "\(applied)")
            let mount = try await vm.sh(#"findmnt -n -o FSTYPE,SOURCE,OPTIONS "$1""#, Self.folder)
            #expect(mount.hasPrefix("nfs4") && mount.contains("192.0.2.101:/srv/export"), "\(mount)")
            #expect(mount.contains("vers=4.2"), "\(mount)")
            #expect(try await vm.sh("virsh dumpxml nfs-1 | sed -n 1p").contains("type='kvm'"))
            try await vm.tells(fleet, "nfs-1", "vda \(64 << 20)")
            try await vm.type(
                "nfs-1",
                "echo was here | dd of=/dev/vda bs=1M seek=50 conv=fsync 2>/dev/null; echo infra-guest: written")
            try await vm.tells(fleet, "nfs-1", "written")
            #expect(try await contents() == "was here")
        }

        /// Nothing is known of a pool whose server does not answer, nothing is made there, and the guest waits for it.
        private func survives(_ fleet: RackFleet) async throws {
            let before = try await files()
            try await vm.type("nfs-1", GuestConsole.counting)
            try await vm.sh("systemctl stop nfs-server")
            try fleet.write("late.yaml", volume("late"))
            try fleet.edit("nfs-1.yaml", "size: 64MiB", "size: 128MiB")
            do {
                let applied = try await fleet.apply()
                #expect(applied.status == 1, "\(applied)")
                #expect(applied.output.contains("the NFS server 192.0.2.101 does not answer"), "\(applied)")
                #expect(!applied.output.contains("+ Volume/late"), "\(applied)")
            } catch {
                try await vm.sh("systemctl start nfs-server")
                throw error
            }
            #expect(try await files() == before)
            try await vm.sh("systemctl start nfs-server")
            let again = try await fleet.apply()
            #expect(again.status == 0 && again.lastLine == "No changes.", "\(again)")
            #expect(try await files().split(separator: "\n").contains { $0.hasPrefix("late.") })
            let last = try await vm.counts(fleet, "nfs-1").last ?? 0
            try await vm.whileAlive(fleet, "nfs-1") { try await vm.counts(fleet, "nfs-1", to: last + 3) }
            try await vm.tells(fleet, "nfs-1", "vda \(128 << 20)")
            #expect(try await contents() == "was here")
        }

        /// A bare mount point is no empty pool: it is mounted first.
        private func mountsAnew(_ fleet: RackFleet) async throws {
            try await vm.sh(#"virsh destroy nfs-1; umount "$1""#, Self.folder)
            try fleet.edit("nfs-1.yaml", "power: running", "power: stopped")
            try fleet.write("more.yaml", volume("more"))
            let plan = try await fleet.infra("plan")
            #expect(plan.output.contains("192.0.2.101:/srv/export is not mounted at \(Self.folder)"), "\(plan)")
            #expect(!plan.output.contains("+ Volume/more"), "\(plan)")
            let mounted = try await fleet.apply()
            #expect(mounted.status == 0 && mounted.lastLine == "No changes.", "\(mounted)")
            #expect(try await files().split(separator: "\n").contains { $0.hasPrefix("more.") })
        }

        /// A pool that leaves is unmounted, and what lies in it stays.
        private func leaves(_ fleet: RackFleet) async throws {
            let volumes = try await vm.sh("cd /srv/export; sha256sum *.root.* late.* more.*")
            for file in ["nas.yaml", "nfs-1.yaml", "late.yaml", "more.yaml"] { try fleet.remove(file) }
            let left = try await fleet.apply("--allow", "stop")
            #expect(left.status == 0 && left.lastLine == "No changes.", "\(left)")
            #expect(try await vm.sh(#"mountpoint -q "$1" || ls -A "$1""#, Self.folder) == "")
            #expect(try await vm.sh("cd /srv/export; sha256sum *.root.* late.* more.*") == volumes)
        }

        /// What a mount would hide stays in sight, and an export that cannot be used leaves nothing defined: the manifest can
        /// say another one.
        @Test func anExportThatCannotBeUsedLeavesNothing() async throws {
            try await withExport {
                try await withRacks("nfsno", on: [vm]) { fleet in
                    try write(fleet, on: [vm])
                    try await vm.sh(#"mkdir -p "$1"; touch "$1/mine""#, Self.folder)
                    let refused = try await fleet.apply()
                    #expect(refused.status == 1, "\(refused)")
                    let text = refused.output + refused.error
                    #expect(text.contains("is not empty, and a mount would hide what is in it"), "\(refused)")
                    #expect(try await vm.sh(#"mountpoint -q "$1" || ls -A "$1"; rm "$1/mine""#, Self.folder) == "mine")
                    #expect(try await pools() == "")
                    // Root that is squashed owns nothing there.
                    try await vm.sh("exportfs -o rw,fsid=1,no_subtree_check '*:/srv/export'; chown 1000 /srv/export")
                    let squashed = try await fleet.apply()
                    #expect(squashed.status == 1, "\(squashed)")
                    #expect((squashed.output + squashed.error).contains("belongs to another user"), "\(squashed)")
                    #expect(try await pools() == "")
                    #expect(try await vm.sh(#"mountpoint -q "$1" || ls -A "$1""#, Self.folder) == "")
                }
            }
        }

        private func pools() async throws -> String {
            try await vm.sh("virsh pool-list --all --name | grep nas || true")
        }

        /// Two machines with kernels of their own: a guest moves as it runs, and off, without a copy.
        @Test(.enabled(if: LabVM.areTwo, "needs two VMs of the lab (`lab up --vmhosts 2`)"))
        func aMachineMovesOnAnExport() async throws {
            let two = RackHost(number: 2, isVM: true)
            try await withExport {
                try await withRacks("nfsmove", on: [vm, two]) { fleet in
                    try write(fleet, on: [vm, two])
                    // Two emulated machines at once are too slow for the proof that KVM works.
                    for host in [vm, two] { try fleet.writeHost(host, "accelerator: kvm") }
                    let made = try await fleet.apply()
                    try #require(made.status == 0 && made.lastLine == "No changes.", "\(made)")
                    try await vm.type("nfs-1", GuestConsole.counting)
                    try await vm.counts(fleet, "nfs-1", to: 3)
                    let before = try await disks()
                    try fleet.edit("nfs-1.yaml", "host: vm-1", "host: vm-2")
                    let plan = try await fleet.infra("plan")
                    #expect(plan.output.contains("(live migration, both reach its disks)"), "\(plan)")
                    let moved = try await fleet.apply()
                    try #require(moved.status == 0 && moved.lastLine == "No changes.", "\(moved)")
                    #expect(try await vm.all().isEmpty)
                    #expect(try await two.running() == ["nfs-1"])
                    #expect(try await disks() == before)
                    let last = try await vm.counts(fleet, "nfs-1").last ?? 0
                    try await two.whileAlive(fleet, "nfs-1") { try await two.counts(fleet, "nfs-1", to: last + 3) }
                    // The lock of the QEMU that has it is seen by the other host's kernel.
                    let locked = try await vm.sh(
                        #"qemu-img info "$1"/*.root.*.qcow2 2>&1 | grep -c 'Failed to get shared "write" lock' || true"#,
                        Self.folder)
                    #expect(locked == "1")

                    // Off, and back.
                    try await two.sh("virsh destroy nfs-1")
                    try fleet.edit("nfs-1.yaml", "power: running", "power: stopped")
                    try fleet.edit("nfs-1.yaml", "host: vm-2", "host: vm-1")
                    let back = try await fleet.apply()
                    #expect(back.status == 0 && back.lastLine == "No changes.", "\(back)")
                    #expect(try await vm.all() == ["nfs-1"])
                    #expect(try await two.all().isEmpty)
                    #expect(try await disks() == before)
                }
            }
        }

        private func write(_ fleet: RackFleet, on hosts: [RackHost]) throws {
            try fleet.writeBase(networks: [:])
            try fleet.write(
                "nas.yaml",
                """
                apiVersion: infra/v1
                kind: StoragePool
                metadata: {name: nas}
                spec: {nfs: {server: \(vm.address), export: /srv/export, path: \(Self.folder)}}

                """)
            for host in hosts { try fleet.writeHost(host) }
            try fleet.write(
                "nfs-1.yaml",
                """
                apiVersion: infra/v1
                kind: VirtualMachine
                metadata: {name: nfs-1}
                spec:
                  host: vm-1
                  cpu: 1
                  memory: 128MiB
                  disks: [{name: root, pool: nas, size: 64MiB, image: tiny}]
                  cloudInit: {}
                  power: running

                """)
        }

        private func volume(_ name: String) -> String {
            """
            apiVersion: infra/v1
            kind: Volume
            metadata: {name: \(name)}
            spec: {pool: nas, size: 1MiB}

            """
        }

        /// The names on the server's disk.
        private func files() async throws -> String { try await vm.sh("ls -A /srv/export") }

        /// What the guest wrote, as the server's disk has it.
        private func contents() async throws -> String {
            try await vm.sh(
                """
                qemu-img convert -U -f qcow2 -O raw "$(echo /srv/export/*.root.*.qcow2)" /var/tmp/contents
                dd if=/var/tmp/contents bs=8 skip=$((50 << 20)) iflag=skip_bytes count=1 status=none
                rm /var/tmp/contents
                """)
        }

        /// The disks' inodes and whether they count, on the server's disk.
        private func disks() async throws -> String {
            try await vm.sh(
                #"""
                for file in /srv/export/*.root.*.qcow2; do
                    stat -c '%n %i' "$file"
                    getfattr --only-values -n user.infra --absolute-names "$file" | jq -r '.copy // "counts"'
                done
                """#)
        }

        /// Gives the body an export, /srv/export. What an earlier run has left goes first.
        private func withExport(_ body: () async throws -> Void) async throws {
            func end() async throws {
                try await vm.sh(
                    """
                    systemctl stop nfs-server
                    rm -rf /srv/export /etc/exports.d/lab.exports /etc/nfs.conf.d/lab.conf
                    """)
            }
            // Who starts anew waits for its clients' locks, by default for 90 s.
            try await vm.sh(
                """
                rm -rf /srv/export
                mkdir -p /srv/export /etc/exports.d /etc/nfs.conf.d
                printf '[nfsd]\\ngrace-time=10\\nlease-time=10\\n' >/etc/nfs.conf.d/lab.conf
                echo '/srv/export *(rw,no_root_squash,no_subtree_check,fsid=1)' >/etc/exports.d/lab.exports
                systemctl restart nfs-server
                """)
            try await ending(end, after: body)
        }
    }
}
