import Foundation

extension RackHost {
    static let target = "iqn.2026-11.example:disks"

    /// Starts an iSCSI server here with one target, for everybody, with these files as units by hand.
    func startTarget(_ units: [(number: Int, file: String)]) async throws {
        try await sh(
            #"""
            tgtd --iscsi "portal=$1:3260" </dev/null >/dev/null 2>&1
            for ((tries = 0; tries < 100; tries++)); do
                if tgtadm --lld iscsi --op show --mode target >/dev/null 2>&1; then break; fi
                sleep 0.1
            done
            tgtadm --lld iscsi --op new --mode target --tid 1 -T "$2"
            """#, address, Self.target)
        for (number, file) in units {
            try await sh(
                #"tgtadm --lld iscsi --op new --mode logicalunit --tid 1 --lun "$1" -b "$2""#, String(number), file)
        }
        try await sh("tgtadm --lld iscsi --op bind --mode target --tid 1 -I ALL")
    }

    /// Ends it. While it has targets it ignores what is gentler.
    func endTarget() async throws {
        try await sh(
            "if process=$(pidof tgtd); then kill -KILL $process; while kill -0 $process 2>/dev/null; do sleep 0.1; done; fi"
        )
    }

    /// The units of the target, `<number> <file>`.
    func targetUnits() async throws -> [String] {
        try await sh(
            #"""
            tgtadm --lld iscsi --op show --mode target |
                sed -n 's/^ *LUN: //p; s/^ *Backing store path: //p' | paste -d ' ' - - | grep -v None || true
            """#
        ).split(whereSeparator: \.isNewline).map(String.init)
    }
}

/// What Debian has of iSCSI apart from QEMU itself.
enum ISCSIPackages {
    static var areInstalled: Bool {
        ["/usr/sbin/tgtd", "/usr/lib/x86_64-linux-gnu/qemu/block-iscsi.so"].allSatisfy {
            FileManager.default.fileExists(atPath: $0)
        }
    }
}
