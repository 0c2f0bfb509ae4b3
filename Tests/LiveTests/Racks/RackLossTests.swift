import Foundation
import Testing

extension RackTests {
    /// A host goes away in the middle of an apply. The others converge, it is named, and nothing of it starts elsewhere;
    /// when it is back the next apply finishes.
    @Suite struct RackLossTests {
        private let two = RackHost.all[1]

        @Test func sshdStops() async throws {
            try await lose("sshd", harm: { try await two.stopSSH() }, mend: { try await two.startSSH() })
        }

        @Test func theLinkIsCut() async throws {
            try await lose("cable", harm: { try await two.link(false) }, mend: { try await two.link(true) })
        }

        private func lose(
            _ name: String, harm: () async throws -> Void, mend: () async throws -> Void
        ) async throws {
            try await withRacks(name) { fleet in
                try fleet.writeBase(networks: ["net": 6020])
                for host in RackHost.all { try fleet.writeHost(host) }
                for host in RackHost.all {
                    try fleet.writeMachine(
                        "guest-\(host.number)", on: host, network: "net", address: 10 + host.number)
                }
                var isHarmed = false
                let ended = try await fleet.watch("--timeout", "30s") { event, _ in
                    guard !isHarmed, event.what == .stepStarted, event.step.hasPrefix("rack-2/VirtualMachine/") else {
                        return
                    }
                    isHarmed = true
                    try await harm()
                }
                #expect(isHarmed && ended.status == 1, "\(ended)")
                #expect(ended.output.contains("rack-2"), "\(ended)")
                for host in RackHost.all where host != two {
                    #expect(try await host.running() == ["guest-\(host.number)"])
                }
                // Known from within: nobody outside can ask.
                let (left, running) = (try await two.all(), try await two.running())
                #expect(left.subtracting(["guest-2"]).isEmpty && running.subtracting(["guest-2"]).isEmpty)
                // A host that is cut off gives its lock away by itself.
                try await two.sh("timeout 30 flock /run/lock/infra true")

                let silent = try await fleet.apply("--timeout", "30s")
                #expect(silent.status == 1 && silent.output.contains("Host/rack-2: blocked"), "\(silent)")
                #expect(try await RackHost.all[0].all() == ["guest-1"])

                try await mend()
                let finished = try await fleet.apply("--lock-timeout", "60s")
                #expect(finished.status == 0 && finished.lastLine == "No changes.", "\(finished)")
                #expect(try await two.running() == ["guest-2"])
            }
        }

        /// The controller dies: nothing of it stays on the hosts, or here, but what the next run takes up.
        @Test func theControllerIsKilled() async throws {
            try await withRacks("killed") { fleet in
                try fleet.writeBase(networks: ["net": 6021])
                for host in RackHost.all { try fleet.writeHost(host) }
                for host in RackHost.all {
                    try fleet.writeMachine(
                        "guest-\(host.number)", on: host, network: "net", address: 10 + host.number, power: "stopped")
                }
                let killed = try await fleet.watch { event, process in
                    if event.what == .stepStarted, event.step.contains("/define") { process.send(SIGKILL) }
                }
                #expect(killed.status == 128 + Int(SIGKILL), "\(killed)")
                // The locks are free within seconds, and no session is left once what ran has ended.
                for host in RackHost.all {
                    try await host.sh(
                        #"""
                        timeout 10 flock /run/lock/infra true
                        for ((tries = 0; tries < 300; tries++)); do
                            if ! pgrep -f '^sshd: root@notty' >/dev/null; then exit 0; fi
                            sleep 0.1
                        done
                        pgrep -af sshd
                        exit 1
                        """#)
                }
                let finished = try await fleet.apply("--lock-timeout", "60s")
                #expect(finished.status == 0 && finished.lastLine == "No changes.", "\(finished)")
                // Private folders of the one that was killed went with the next one; those that are held are of others.
                let left = try await sh(
                    #"find /tmp -maxdepth 1 -name 'infra-ssh.*' -mmin +0.5 -exec flock --nonblock {} echo {} ';'"#)
                #expect(left == "", "\(left)")
            }
        }
    }
}
