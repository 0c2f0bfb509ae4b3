import Foundation
import Model
import TestSupport
import Testing

extension LiveTests {
    /// Images that the host fetches by itself, from a server beside it.
    @Suite struct FetchLiveTests {
        /// An address of the host that is not loopback.
        private static let address = TestFleet.underlay

        @Test func anImageComesFromItsURL() async throws {
            try await withImageServer("fetch", vni: 7850) { fleet, server in
                let digest = try await declare(fleet, server.url("to?\(server.url("fine/tiny.qcow2"))"))
                let plan = try await fleet.infra("plan")
                #expect(plan.output.contains("not stored in StoragePool/disks; fetched from "), "\(plan)")
                let applied = try await fleet.apply()
                #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
                try await isStored(digest, fleet)
                try await GuestConsole("far", of: fleet).tells("far up 10.77.0.11")
                let again = try await fleet.apply()
                #expect(again.output == "No changes.\n", "\(again)")
                // Nobody asks the server for what is there.
                #expect(server.ranges("fine/tiny.qcow2") == ["bytes=0-0", "all"])
            }
        }

        @Test func aServerThatKnowsNoParts() async throws {
            try await withImageServer("whole", vni: 7851) { fleet, server in
                let digest = try await declare(fleet, server.url("whole/tiny.qcow2"), "power: stopped")
                // What is left of another run is of no use there.
                try await leavePart(of: digest, fleet, "head -c 1000000 tiny.qcow2")
                let applied = try await fleet.apply()
                #expect(applied.lastLine == "No changes.", "\(applied)")
                try await isStored(digest, fleet)
            }
        }

        /// A transfer that breaks is gone on with by the next run.
        @Test func aTransferThatBreaksGoesOn() async throws {
            try await withImageServer("cut", vni: 7852) { fleet, server in
                let digest = try await declare(fleet, server.url("cut/tiny.qcow2"), "power: stopped")
                let size = Int(try await sh(#"stat -c %s "$1/tiny.qcow2""#, fleet.files)) ?? 0
                let broken = try await fleet.apply()
                #expect(broken.status == 1 && broken.output.contains("with which the next run goes on"), "\(broken)")
                #expect(try await sh(#"cd "$1"; stat -c %s img-*.part.staged"#, fleet.pool) == "\(size / 2)")
                // It is not in the way, and no leftover.
                let plan = try await fleet.infra("plan")
                #expect(!plan.output.contains("left by a run"), "\(plan)")
                let applied = try await fleet.apply()
                #expect(applied.lastLine == "No changes.", "\(applied)")
                try await isStored(digest, fleet)
                #expect(server.ranges("cut/tiny.qcow2") == ["bytes=0-0", "all", "bytes=0-0", "bytes=\(size / 2)-"])
            }
        }

        /// How far it has come is told; a run that is killed leaves nobody who fetches, and what was fetched.
        @Test func aRunThatIsKilledIsGoneOnWith() async throws {
            try await withImageServer("killed", vni: 7857) { fleet, server in
                let digest = try await declare(fleet, server.url("slow/tiny.qcow2"), "power: stopped")
                let killed = try await fleet.watch("apply", []) { event, process in
                    if event.what == .stepProgress, event.step.hasSuffix("/Image/tiny/import-disks") {
                        process.send(SIGKILL)
                    }
                }
                #expect(killed.status == 128 + Int(SIGKILL), "\(killed)")
                try await sh("for ((i = 0; i < 50; i++)); do pgrep -x curl >&2 || exit 0; sleep 0.1; done; exit 1")
                let there = try await sh(#"cd "$1"; stat -c %s img-*.part.staged"#, fleet.pool)
                try fleet.edit("fleet.yaml", "/slow/", "/fine/")
                let applied = try await fleet.apply("--lock-timeout", "1m")
                #expect(applied.lastLine == "No changes.", "\(applied)")
                try await isStored(digest, fleet)
                #expect(server.ranges("fine/tiny.qcow2") == ["bytes=0-0", "bytes=\(there)-"])
            }
        }

        @Test func aPartOfOtherBytesIsOfNoUse() async throws {
            try await withImageServer("other", vni: 7856) { fleet, server in
                let digest = try await declare(fleet, server.url("fine/tiny.qcow2"), "power: stopped")
                try await leavePart(of: digest, fleet, "head -c 1000000 /dev/urandom")
                let mended = try await fleet.apply()
                #expect(mended.lastLine == "No changes.", "\(mended)")
                try await isStored(digest, fleet)
            }
        }

        /// A part of an image that nobody wants any more is a leftover like others.
        @Test func aPartThatNobodyWantsGoes() async throws {
            try await withImageServer("leftover", vni: 7853) { fleet, server in
                let digest = try await declare(fleet, server.url("missing/tiny.qcow2"), "power: stopped")
                let missing = try await fleet.apply()
                #expect(missing.status == 1 && missing.output.contains("the server answers 404"), "\(missing)")
                try await leavePart(of: digest, fleet, "head -c 1000000 tiny.qcow2")
                try fleet.edit("fleet.yaml", "url: \"\(server.url("missing/tiny.qcow2"))\"", "file: tiny.qcow2")
                let plan = try await fleet.infra("plan")
                #expect(plan.output.contains("unfinished, left by a run that was interrupted"), "\(plan)")
                #expect(try await fleet.apply().lastLine == "No changes.")
                try await isStored(digest, fleet)
            }
        }

        @Test("hostile files: an http source that leads to an internal address, by name, by redirect, by protocol")
        func sourcesThatLeadInside() async throws {
            try await withImageServer("inside", vni: 7854) { fleet, server in
                let names =
                    "127.0.0.1 inside.example\n::1 six.example\n169.254.169.254 cloud.example\n"
                    + "\(Self.address) both.example\n127.0.0.1 both.example\n"
                try await sh(#"cp /etc/hosts /etc/hosts.kept; printf %s "$1" >>/etc/hosts"#, names)
                let port = server.url("").split(separator: ":").last ?? ""
                let hostile = [
                    ("to?http://169.254.169.254/latest/meta-data/", "169.254.169.254, a link-local address"),
                    ("to?http://%5Bfe80::1%5D/x", "fe80::1, a link-local address"),
                    ("to?http://127.0.0.1:\(port)fine/tiny.qcow2", "127.0.0.1, a loopback address"),
                    ("to?http://%5B::ffff:127.0.0.1%5D/x", "a loopback address"),
                    ("to?http://0.0.0.0/x", "0.0.0.0, an unspecified address"),
                    ("to?http://inside.example/x", "inside.example, which is 127.0.0.1, a loopback address"),
                    ("to?http://six.example/x", "six.example, which is ::1, a loopback address"),
                    ("to?http://cloud.example/x", "cloud.example, which is 169.254.169.254, a link-local address"),
                    ("to?http://both.example:\(port)fine/tiny.qcow2", "both.example, which is 127.0.0.1"),
                    ("to?http://2130706433/x", "127.0.0.1, a loopback address"),
                    ("to?file:///etc/shadow", "leads to file:///etc/shadow, which is no address"),
                    ("to?ftp://both.example/x", "which is no address that is fetched from"),
                    ("to?http://a:b@both.example/x", "which is no address that is fetched from"),
                    ("around", "leads elsewhere more than 5 times"),
                ]
                for (path, words) in hostile {
                    try await declare(fleet, server.url(path), "power: stopped")
                    let applied = try await fleet.apply()
                    #expect(applied.status == 1 && applied.output.contains(words), "\(path): \(applied)")
                    try await nothingIsStored(fleet)
                }
                try await sh("mv /etc/hosts.kept /etc/hosts")
                #expect(try await fleet.destroy("--allow", "data-loss").status == 0)
                #expect(try await sh(#"ls -A "$1""#, fleet.pool) == "")
            }
        }

        @Test(
            "hostile storage: a fetched image with a backing file, another digest, no end, more than there is room for")
        func bytesThatMeanHarm() async throws {
            try await withImageServer("harm", vni: 7855) { fleet, server in
                try await sh(
                    #"""
                    cd "$1"
                    qemu-img create -q -u -f qcow2 -b /etc/shadow -F raw backed 64M
                    qemu-img create -q -u -f qcow2 -b 'json:{"driver":"nbd","host":"192.0.2.1"}' -F raw nbd 64M
                    qemu-img create -q -f qcow2 -o data_file=outside,data_file_raw=on external 64M
                    cp tiny.qcow2 large; printf '\x40' | dd of=large bs=1 seek=24 conv=notrunc status=none
                    cp tiny.qcow2 unknown; printf '\x80' | dd of=unknown bs=1 seek=79 conv=notrunc status=none
                    printf '#!/bin/sh\n' >script
                    """#, fleet.files)
                for (file, words) in [
                    ("backed", "the image is refused: it has a backing file"),
                    ("nbd", "the image is refused: it has a backing file"),
                    ("external", "the image is refused: it has an external data file"),
                    ("large", "the image is refused: it holds a disk of 46116860184"),
                    ("unknown", "the image is refused: it needs features that are not known"),
                    ("script", "the image is refused: it is not qcow2"),
                ] {
                    try await declare(fleet, server.url("fine/\(file)"), file: file, "power: stopped")
                    let applied = try await fleet.apply()
                    #expect(applied.status == 1 && applied.output.contains(words), "\(file): \(applied)")
                    try await nothingIsStored(fleet)
                }
                let digest = try await declare(fleet, server.url("fine/tiny.qcow2"), "power: stopped")
                let other = String(repeating: "ab", count: 32)
                try fleet.edit("fleet.yaml", digest, other)
                let applied = try await fleet.apply()
                #expect(
                    applied.status == 1
                        && applied.output.contains("has the digest \(digest), the manifest says \(other)"), "\(applied)"
                )
                try await nothingIsStored(fleet)

                // A disk in a pool of its own size, which an answer without an end fills.
                try await declare(fleet, server.url("endless"), "power: stopped")
                try await withSmallPool(fleet) {
                    let applied = try await fleet.apply()
                    #expect(applied.status == 1 && applied.output.contains("there is room for"), "\(applied)")
                    try await nothingIsStored(fleet)
                    let large = try await declare(fleet, server.url("fine/tiny.qcow2"), "power: stopped")
                    #expect(!large.isEmpty)
                    let full = try await fleet.apply()
                    #expect(full.status == 1 && full.output.contains("there is no room in StoragePool"), "\(full)")
                    try await nothingIsStored(fleet)
                }
            }
        }

        // MARK: -

        private func withImageServer(
            _ name: String, vni: Int, _ body: (TestFleet, ImageWebServer) async throws -> Void
        ) async throws {
            try await withFleet(name) { fleet in
                let server = try await ImageWebServer(Self.address, folder: fleet.files)
                try fleet.writeBase(vni: vni)
                do {
                    try await body(fleet, server)
                } catch {
                    await server.end()
                    throw error
                }
                await server.end()
            }
        }

        /// Declares the image `tiny` by a URL, with the digest of a file, and a machine that starts from it.
        @discardableResult
        private func declare(
            _ fleet: TestFleet, _ url: String, file: String = "tiny.qcow2", _ machine: String = ""
        ) async throws -> String {
            let digest = String(try await sh(#"sha256sum <"$1""#, fleet.files + "/" + file).prefix(64))
            let text = try fleet.read("fleet.yaml")
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                line.hasSuffix("format: qcow2}")
                    ? "spec: {url: \"\(url)\", sha256: \(digest), format: qcow2}" : String(line)
            }
            try fleet.write("fleet.yaml", lines.joined(separator: "\n"))
            try fleet.writeMachine("far", address: 11, machine)
            return digest
        }

        private func leavePart(of digest: String, _ fleet: TestFleet, _ bytes: String) async throws {
            let name = fleet.identity.imageFileName(sha256: digest, .qcow2)
            try await sh(
                #"mkdir -p -m 0711 "$1"; cd "$2"; eval "$3" >"$4""#, fleet.pool, fleet.files, bytes,
                Identity.part(of: fleet.pool + "/" + name))
        }

        private func isStored(_ digest: String, _ fleet: TestFleet) async throws {
            let path = fleet.pool + "/" + fleet.identity.imageFileName(sha256: digest, .qcow2)
            let look = #"sha256sum "$1"; stat -c %a "$1"; ls "$2" | grep -c staged || true"#
            #expect(try await sh(look, path, fleet.pool) == "\(digest)  \(path)\n444\n0")
        }

        private func nothingIsStored(_ fleet: TestFleet) async throws {
            #expect(try await sh(#"ls "$1" | grep '^img-' || true"#, fleet.pool) == "")
        }

        private func withSmallPool(_ fleet: TestFleet, _ body: () async throws -> Void) async throws {
            #expect(try await fleet.destroy("--allow", "data-loss").status == 0)
            try await sh(#"rm -rf "$1"; mkdir -m 0711 "$1"; mount -t tmpfs -o size=8M,mode=0711 none "$1""#, fleet.pool)
            do {
                try await body()
            } catch {
                _ = try? await sh(#"umount -l "$1""#, fleet.pool)
                throw error
            }
            _ = try await fleet.destroy("--allow", "data-loss")
            try await sh(#"umount -l "$1""#, fleet.pool)
        }
    }
}
