import Foundation
import Model
import TestSupport
import Testing

extension LiveTests {
    /// A Debian system with cloud-init, as a person would start one: its image is fetched, and what the manifest says is looked
    /// at from inside, by ssh.
    @Suite(.enabled(if: CloudImage.isThere, CloudImage.reason)) struct CloudImageLiveTests {
        @Test(.timeLimit(.minutes(20))) func aDebianGuestIsWhatItsManifestSays() async throws {
            try await withFleet("cloud") { fleet in
                let server = try await ImageWebServer(TestFleet.underlay, folder: CloudImage.folder)
                do {
                    try await aDebianGuest(fleet, server)
                } catch {
                    await server.end()
                    try await leave(fleet)
                    throw error
                }
                await server.end()
                try await leave(fleet)
            }
        }

        private func aDebianGuest(_ fleet: TestFleet, _ server: ImageWebServer) async throws {
            let guest = try await DebianGuest(fleet)
            try await write(fleet, server, key: guest.publicKey)
            let applied = try await fleet.apply()
            try #require(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
            try await guest.joins(fleet.identity.bridgeName("net"))

            try await guest.isConfigured()
            let keys = try await guest.hostKeys()
            #expect(try await guest.run("cloud-init status") == "status: done")
            #expect(try await guest.run("hostname; id -un") == "cloud\nops")
            #expect(try await guest.run("cat /etc/greeting /run/told") == "from the manifest\nonce")
            let address =
                "ip -j -4 addr show to 10.77.0.0/24 | tr -d ' \\n' | grep -o '\"local\":\"[^\"]*\",\"prefixlen\":[0-9]*'"
            #expect(try await guest.run(address) == #""local":"10.77.0.11","prefixlen":24"#)
            let again = try await fleet.apply()
            #expect(again.output == "No changes.\n", "\(again)")

            // Written at once, read when the guest starts again; it is the same guest then.
            try fleet.edit("cloud.yaml", "echo once", "echo twice")
            let plan = try await fleet.infra("plan")
            #expect(plan.output.contains("takes effect at next boot or rerun"), "\(plan)")
            #expect(try await fleet.apply().lastLine == "No changes.")
            #expect(try await guest.run("cat /run/told") == "once")
            let boot = try await guest.run("cat /proc/sys/kernel/random/boot_id")
            let restarted = try await Program.run(
                Program.infra, ["restart", "VirtualMachine/cloud", fleet.manifests, "--yes"])
            try #require(restarted.status == 0, "\(restarted)")
            #expect(try await guest.hostKeys() == keys)
            #expect(try await guest.run("cat /proc/sys/kernel/random/boot_id") != boot)
            #expect(try await guest.run("cat /run/told") == "twice")
        }

        private func leave(_ fleet: TestFleet) async throws {
            try await sh("ip link del gate0 2>/dev/null || true")
        }

        private func write(_ fleet: TestFleet, _ server: ImageWebServer, key: String) async throws {
            try fleet.writeBase(vni: 7860)
            let files = [
                ("debian", "root.qcow2", "qcow2"), ("kernel", "vmlinuz", "kernel"), ("ramdisk", "initrd", "initrd"),
            ]
            for (name, file, format) in files {
                let digest = try await sh(#"sha256sum <"$1""#, CloudImage.folder + "/" + file).prefix(64)
                try fleet.write(
                    "\(name).yaml",
                    """
                    apiVersion: infra/v1
                    kind: Image
                    metadata: {name: \(name)}
                    spec: {url: "\(server.url("fine/" + file))", sha256: "\(digest)", format: \(format)}

                    """)
            }
            try fleet.write(
                "cloud.yaml",
                """
                apiVersion: infra/v1
                kind: VirtualMachine
                metadata: {name: cloud}
                spec:
                  host: \(TestFleet.host)
                  cpu: 2
                  memory: 512MiB
                  boot: {kernel: kernel, initrd: ramdisk, cmdline: "root=/dev/vda console=ttyS0 no_timer_check quiet"}
                  disks:
                    - {name: root, pool: disks, size: 3GiB, image: debian}
                  interfaces:
                    - {name: eth0, network: net, address: 10.77.0.11}
                  cloudInit:
                    users:
                      - {name: ops, sshKeys: ["\(key)"]}
                    userData:
                      ssh_genkeytypes: [ed25519]
                      write_files: [{path: /etc/greeting, content: "from the manifest\\n"}]
                      bootcmd: ["echo once >/run/told"]

                """)
        }
    }
}

/// The image of `Tests/Lab/cloud-image`.
private enum CloudImage {
    static let folder = Lab.repository.appending(path: ".build/cloud").path

    static var isThere: Bool {
        Lab.isHere && FileManager.default.fileExists(atPath: folder + "/image.fresh")
    }

    /// Why there is none.
    static var reason: Comment {
        let said = ProcessInfo.processInfo.environment["INFRA_LAB_NO_CLOUD"]
        return Comment(rawValue: "needs Tests/Lab/cloud-image" + (said.map { ", which is not made: \($0)" } ?? ""))
    }
}

/// The guest as an operator reaches it, from an address of its network on the host.
private struct DebianGuest {
    private static let address = "10.77.0.11"
    /// A folder for the key and what is known of the guest.
    private let folder: String
    let publicKey: String
    let console: GuestConsole

    init(_ fleet: TestFleet) async throws {
        console = GuestConsole("cloud", of: fleet)
        folder = fleet.home + "/ssh"
        publicKey = try await sh(
            #"mkdir -m 0700 "$1"; ssh-keygen -q -t ed25519 -N '' -C test -f "$1/key"; cat "$1/key.pub""#, folder)
    }

    /// Gives the host an address on the guest's network.
    func joins(_ bridge: String) async throws {
        try await sh(
            #"""
            ip link add gate0 type veth peer name gate1
            ip link set gate0 master "$1" up
            ip addr add 10.77.0.1/24 dev gate1
            ip link set gate1 up
            """#, bridge)
    }

    /// Waits until cloud-init is done.
    func isConfigured() async throws {
        func isDone(_ line: Substring) -> Bool { line.contains("Cloud-init v.") && line.contains("finished at") }
        do {
            try await console.tells("that cloud-init finished", where: isDone)
        } catch is Failure {
            // A whole system on a machine that is busy: it has the time once more.
            try await console.tells("that cloud-init finished", where: isDone)
        }
    }

    /// Waits until the guest's sshd answers, which starts after what cloud-init does at each boot, and says which keys it has.
    func hostKeys() async throws -> String {
        try await said(
            #"""
            # An exchange of keys costs the guest seconds; a line of greeting does not.
            greets() { timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/22"; read -r -u 3 line; [[ $line == SSH-* ]]' bash "$1" 2>/dev/null; }
            until greets "$1"; do sleep 1; done
            ssh-keyscan -t ed25519 -T 60 "$1" 2>/dev/null >"$2/known"
            [[ -s $2/known ]]
            cat "$2/known"
            """#)
    }

    /// Runs a command in the guest, whose keys have to be those that were seen.
    func run(_ command: String) async throws -> String {
        try await said(
            #"""
            ssh -F none -i "$2/key" -o IdentitiesOnly=yes -o BatchMode=yes -o UserKnownHostsFile="$2/known" \
                -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes -o ConnectTimeout=60 "ops@$1" "$3"
            """#, command)
    }

    /// A system under emulation takes longer for its start than other commands.
    private func said(_ script: String, _ words: String...) async throws -> String {
        let arguments = ["-euo", "pipefail", "-c", script, "bash", Self.address, folder] + words
        let ended = try await Program.run("bash", arguments, seconds: 400)
        guard ended.status == 0 else { throw Failure("\(words)\n\(ended)") }
        return ended.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
