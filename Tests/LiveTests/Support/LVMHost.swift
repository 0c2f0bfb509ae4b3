import Foundation
import Model
import TestSupport

/// The lab's first VM as a host of volume groups, looked at and harmed by other ways than the program's own.
struct LVMHost: Sendable {
    static let name = "vm-1"
    static let address = "192.0.2.101"

    /// Whether the lab has one, and the tests run where it is reached from.
    static var isUp: Bool {
        guard let keys = Lab.keys else { return false }
        let whole = URL(filePath: keys).deletingLastPathComponent().appending(path: "\(name)/whole")
        return FileManager.default.fileExists(atPath: whole.path)
    }

    /// Runs a script there and returns what it wrote, without the newline at the end.
    @discardableResult
    func sh(_ script: String, _ arguments: String...) async throws -> String {
        let words = ["exec", "--shared", Self.name, "bash", "-euo", "pipefail", "-c", script, "bash"] + arguments
        let ended = try await Program.run(RackHost.lab, words, seconds: 300)
        guard ended.status == 0 else { throw Failure("\(Self.name): \(script)\n\(ended)") }
        return ended.output.trimmingCharacters(in: .newlines)
    }

    /// The tags of a logical volume, `group/name`.
    func tags(_ volume: String) async throws -> String {
        try await sh(#"lvs --noheadings -o lv_tags "$1" | tr -d ' '"#, volume)
    }

    /// The size of a logical volume, in bytes.
    func size(_ volume: String) async throws -> Int? {
        Int(try await sh(#"lvs --noheadings --units b --nosuffix -o lv_size "$1" | tr -d ' '"#, volume))
    }

    /// The digest of a logical volume's bytes.
    func sum(_ volume: String) async throws -> String { try await sh(#"sha256sum <"/dev/$1""#, volume) }

    /// The digest of what the machine `lvm-vm` sees of its disk in a folder.
    func contents() async throws -> String {
        try await sh(
            """
            qemu-img convert -U -f qcow2 -O raw "$(echo /var/lib/infra/*/lvm-vm.root.*.qcow2)" /var/tmp/contents
            sha256sum </var/tmp/contents
            rm /var/tmp/contents
            """)
    }

    /// Waits until a guest's console has said a line.
    func console(_ fleet: RackFleet, _ machine: String, says line: String) async throws {
        try await sh(
            #"grep -a -q -m 1 -F -- "$2" < <(timeout 240 tail --lines=+1 --follow=name --retry -- "$1" 2>/dev/null)"#,
            fleet.identity.consoleLogPath(machine: machine), line)
    }

    /// Takes away what the tests have there, by other tools than the one under test.
    func wipe() async throws {
        try await sh(
            """
            for domain in $(virsh list --all --name); do
                virsh destroy "$domain" >/dev/null 2>&1 || true
                virsh undefine "$domain"
            done
            if mountpoint --quiet /var/lib/infra/narrow; then umount /var/lib/infra/narrow; fi
            for group in vg-infra vg-other; do
                if vgs "$group" >/dev/null 2>&1; then vgremove --quiet --yes --force "$group"; fi
            done
            losetup --detach-all
            rm -f /var/tmp/foreign.img /etc/lvm/profile/infra-*
            for device in /dev/disk/by-id/virtio-lvm-*; do wipefs --quiet --all "$device"; done
            for pool in $(virsh pool-list --all --name); do
                virsh pool-destroy "$pool" >/dev/null 2>&1 || true
                virsh pool-undefine "$pool"
            done
            rm -rf /var/lib/infra/*
            """)
    }
}

/// What an earlier run of the tests has left goes once.
private let isClean = Task { try await LVMHost().wipe() }

/// Gives the body a fleet on the VM alone, and afterwards, however the body ends, takes away whatever is there.
func withVolumeGroups(_ name: String, _ body: (RackFleet) async throws -> Void) async throws {
    let vm = LVMHost()
    try await isClean.value
    let fleet = try await RackFleet(name)
    defer { try? FileManager.default.removeItem(atPath: fleet.home) }
    try fleet.writeBase(networks: [:])
    try fleet.write(
        "host.yaml",
        """
        apiVersion: infra/v1
        kind: Host
        metadata: {name: \(LVMHost.name)}
        spec:
          connect: {ssh: {address: \(LVMHost.address)}}
          capacity: {cpu: 64, memory: 64GiB}

        """)
    try await ending({ try await vm.wipe() }, after: { try await body(fleet) })
}

extension RackFleet {
    /// The pool `fast`, a volume group on the VM's first disk.
    /// - Parameter thin: Fields of its thin pool; it has none when nil.
    func group(thin: String?) -> String {
        """
        apiVersion: infra/v1
        kind: StoragePool
        metadata: {name: fast}
        spec:
          lvm: {volumeGroup: vg-infra, devices: [/dev/disk/by-id/virtio-lvm-1], images: disks\
        \(thin.map { ", thinPool: {name: thin, \($0)}" } ?? "")}

        """
    }

    /// A volume in it.
    func volume(_ name: String, _ size: String, _ more: String = "deletion: retain") -> String {
        """
        apiVersion: infra/v1
        kind: Volume
        metadata: {name: \(name)}
        spec: {pool: fast, size: \(size), format: raw, \(more)}

        """
    }

    /// The machine `lvm-vm` with a disk in it.
    func machine(size: String) -> String {
        """
        apiVersion: infra/v1
        kind: VirtualMachine
        metadata: {name: lvm-vm}
        spec:
          cpu: 1
          memory: 128MiB
          disks: [{name: root, pool: fast, size: \(size), image: tiny, clone: full, format: raw}]

        """
    }
}
