import Foundation
import Model
import TestSupport
import Testing

extension LiveTests {
    /// The watcher as a service: with the unit's arguments and rights, and with an output that nobody reads.
    @Suite struct WatchServiceLiveTests {
        /// The unit alone, on a host where the network has files for its next start: they can be written, and what lies
        /// beside them is as it was.
        @Test func theUnitsCommandLineWorksWithTheUnitsRights() async throws {
            try await withSystemd {
                try await withService("service", vni: 7836) { watched, _, port in
                    let fleet = watched.fleet
                    #expect(try await Virsh.running() == ["one"])
                    // Where everything is by default, for who says nothing else.
                    let asked = try await Program.run(Program.infra, ["reconcile"])
                    #expect(asked.status == 0 && asked.output.contains(": converged"), "\(asked)")
                    let log = try await Program.run(Program.infra, ["log"])
                    #expect(log.status == 0 && log.output.contains("The first"), "\(log)")
                    #expect(try await sh("stat -c %a /run/infra /run/infra/watch.sock").contains("755\n600"))
                    // CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, SETPCAP, NET_ADMIN (capabilities(7)).
                    #expect(try await rights() == "000000000000110f 1")
                    #expect(
                        try await sh(#"curl -s "http://127.0.0.1:$1/healthz""#, "\(port)").contains(
                            #""role":"leader""#))
                    let kept = try await sh(
                        #"cd /etc/systemd; ls network system system/sysinit.target.wants | grep -c "infra-$1""#,
                        fleet.identity.fleet8)
                    // Three files for each of the two links, the rules, their unit, and what makes the unit start.
                    #expect(kept == "9", "\(kept)")
                    let status = try await fleet.infra("status")
                    #expect(status.status == 0 && !status.output.contains("not persistent"), "\(status)")
                }
            }
        }

        /// With the drop-in, DHCP and DNS are where the host sees them, and go on without the watcher.
        @Test func theDropInServesDHCP() async throws {
            try await withService("dhcp", vni: 7839, dropIns: ["dhcp.conf"], isServed: true) { watched, server, _ in
                let fleet = watched.fleet
                // More leases are read by the dnsmasq that runs.
                try fleet.writeQuiet("two", address: 12)
                let second = try await watched.commit("Another")
                try await watched.push()
                _ = try await Program.run(Program.infra, ["reconcile"])
                try await server.says("commit \(second.prefix(10)): converged")
            } afterwards: { fleet in
                try await answers("two", 12, fleet)
            }
        }

        /// By ssh, the host needs nothing of the unit, on the same machine as well.
        @Test func theUnitServesDHCPBySSH() async throws {
            // Where the service may read.
            let keys = "/var/lib/libvirt/images/keys"
            let authorized = "/etc/ssh/lab/authorized_keys"
            let before = try await sh(#"cat "$1""#, authorized)
            try await sh(
                #"""
                rm -rf "$1"
                install -d -m 0700 "$1"
                ssh-keygen -q -t ed25519 -N '' -f "$1/id_ed25519"
                cat "$1"/*.pub >>"$2"
                """#, keys, authorized)
            let hostKey = try await sh("ssh-keygen -y -f /etc/ssh/lab/host_key | cut -d ' ' -f 1,2")
            try await withService(
                "by-ssh", vni: 7840, connection: "{ssh: {address: \(TestFleet.underlay), hostKey: \(hostKey)}}",
                options: "--ssh-keys \(keys)", isServed: true
            ) { _, _, _ in
            } afterwards: { fleet in
                try await answers("one", 11, fleet, "--ssh-keys", keys)
            }
            try await sh(#"printf '%s\n' "$1" >"$2"; rm -r "$3""#, before, authorized, keys)
        }

        /// The machine gets its address, and nothing is left to do.
        private func answers(_ machine: String, _ last: Int, _ fleet: TestFleet, _ options: String...) async throws {
            let mac = fleet.identity.macAddress(
                machine: fleet.identity.uuid(ResourceID(.virtualMachine, machine)), interface: "eth0")
            try await sh(
                LeaseClient.make, "end-\(machine)", fleet.identity.deviceName(machine: machine, interface: "eth0"),
                mac.description, fleet.identity.bridgeName("net"))
            let told = try await sh(LeaseClient.ask, "end-\(machine)")
            #expect(told.hasPrefix("10.77.0.\(last)/24 router 10.77.0.1 "))
            try await sh(#"ip netns del "$1""#, "end-\(machine)")
            let status = try await Program.run(
                Program.infra, ["status"] + options + ["--files", fleet.files, fleet.manifests])
            #expect(status.status == 0, "\(status)")
        }

        /// What is left of its capabilities, and whether it can gain more.
        private func rights() async throws -> String {
            try await sh(
                #"grep -E 'CapBnd|NoNewPrivs' "/proc/$(pgrep -f "^$1 watch")/status" | cut -f 2 | xargs"#,
                Program.infra)
        }

        /// A watcher that the unit of the examples runs, on a fleet with one machine, once that is done.
        private func withService(
            _ name: String, vni: Int, dropIns: [String] = [], connection: String = "{local: {}}",
            options: String = "", isServed: Bool = false,
            _ body: (WatchedFleet, TestServer, Int) async throws -> Void,
            afterwards: (TestFleet) async throws -> Void = { _ in }
        ) async throws {
            try await withWatched(name) { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: vni)
                try fleet.edit("fleet.yaml", "{local: {}}", connection)
                if isServed {
                    try fleet.edit(
                        "fleet.yaml", "subnet: {cidr: 10.77.0.0/24}",
                        "subnet: {cidr: 10.77.0.0/24, gateway: 10.77.0.1, dhcp: true, dns: []}")
                    try fleet.writeQuiet("one", address: 11)
                } else {
                    try fleet.writeMachine("one", address: 11)
                }
                let first = try await watched.commit("The first")
                try await watched.push()
                let port = try TestServer.freePort()
                let credentials = "/run/credentials/infra-watch.service"
                try await sh(
                    #"install -d -m 0500 "$1"; openssl rand -hex 32 | install -m 0400 /dev/stdin "$1/webhook""#,
                    credentials)
                let environment = """
                    INFRA_REPOSITORY=\(watched.repository)
                    INFRA_OPTIONS=--branch main --files \(fleet.files) --listen 127.0.0.1:\(port) \
                    --webhook-secret \(credentials)/webhook \(options)

                    """
                let server = try start(environment, fleet, dropIns)
                do {
                    try await server.says("converged")
                    guard server.text.contains("commit \(first.prefix(10)): converged") else {
                        throw Failure("it did not converge")
                    }
                    try await body(watched, server, port)
                } catch {
                    await server.end()
                    throw Failure("\(error)\n\(server.text)")
                }
                await server.end()
                try await server.says("ended: SIGTERM")
                try await afterwards(fleet)
                try await sh(#"rm -rf /var/lib/infra/watch "$1""#, credentials)
            }
        }

        private func start(_ environment: String, _ fleet: TestFleet, _ dropIns: [String]) throws -> TestServer {
            let file = fleet.home + "/watch.env"
            try GitServers.write(environment, file, 0o644)
            let unit = Lab.repository.appending(path: "Examples/service/infra-watch.service").path
            return try TestServer(
                "/bin/bash",
                ["-euo", "pipefail", "-c", ServiceUnit.run, "bash", Program.infra, file, unit]
                    + dropIns.map { "\(unit).d/\($0)" })
        }

        /// The smallest pipe there is holds less than one plan (F_SETPIPE_SZ of fcntl(2)).
        private static let unread = #"""
            mkfifo "$1/output"
            exec 9<>"$1/output"
            python3 -c 'import fcntl; fcntl.fcntl(9, 1031, 4096)'
            timeout --foreground --kill-after=20 300 "$2" watch "$1/fleet.git" --files "$1/files" --state "$1/state" \
                --socket "$1/watch.sock" --interval 500ms --format json >&9 &
            watcher=$!
            trap 'kill "$watcher"' TERM
            status=0
            wait "$watcher" || true
            wait "$watcher" || status=$?
            echo "ended with $status"
            """#

        /// Standard output is full and nobody reads it: commits are done, the history knows, and it ends when it is asked to.
        @Test func anOutputThatNobodyReadsHoldsUpNothing() async throws {
            try await withWatched("unread") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7837)
                try fleet.writeQuiet("a", address: 11)
                try await watched.commit("The first")
                try await watched.push()
                let server = try TestServer(
                    "/bin/bash", ["-euo", "pipefail", "-c", Self.unread, "bash", fleet.home, Program.infra])
                do {
                    for number in 1...3 {
                        try fleet.writeQuiet("b\(number)", address: 11 + number)
                        try await watched.commit("Commit \(number)")
                        try await watched.push()
                        var runs: [Substring] = []
                        func isDone() -> Bool {
                            runs.contains {
                                $0.contains("Commit \(number)") && $0.contains("converged")
                                    && !$0.contains("not converged")
                            }
                        }
                        // The history is told after the output is.
                        for _ in 0..<300 where !isDone() {
                            let log = try await Program.run(Program.infra, ["log", "--state", "\(fleet.home)/state"])
                            runs = log.output.split(separator: "\n")
                        }
                        #expect(isDone(), "\(runs)")
                    }
                    #expect(try await Virsh.all() == ["a", "b1", "b2", "b3"])
                } catch {
                    await server.end()
                    throw error
                }
                await server.end()
                try await server.says("ended with 0")
            }
        }
    }
}
