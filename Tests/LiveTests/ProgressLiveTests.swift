import Foundation
import Testing

extension LiveTests {
    /// What an apply tells while it runs: on a terminal a line that changes in place, elsewhere a line an event.
    @Suite struct ProgressLiveTests {
        @Test func itIsRedrawnOnTerminalsAlone() async throws {
            try await withFleet("progress") { fleet in
                try fleet.writeBase(vni: 7727)
                try fleet.edit("fleet.yaml", "vni: 7727", "vni: 7727, mtu: 1400")
                try fleet.edit("fleet.yaml", "  subnet:", "  hosts: [server-1]\n  subnet:")
                try fleet.write(
                    "store.yaml",
                    """
                    apiVersion: infra/v1
                    kind: Volume
                    metadata: {name: store-with-a-name-that-makes-the-line-longer-than-the-terminal}
                    spec: {pool: disks, size: 64MiB, image: tiny}

                    """)
                let plain = try await told(fleet, on: nil)
                #expect(!plain.contains("\u{1b}") && !plain.contains("\r"))
                #expect(plain.contains("StoragePool/disks: creating the pool…\n"), "\(plain)")
                #expect(plain.contains("StoragePool/disks: creating the pool: done after"), "\(plain)")
                #expect(plain.hasSuffix("\nApplied: 5 steps done.\nNo changes.\n"), "\(plain)")

                let animated = try await told(fleet, on: "xterm")
                let drawn = animated.components(separatedBy: Self.redraw).dropFirst().map {
                    $0.prefix { $0 != "\n" }
                }
                for done in 0..<5 { #expect(drawn.contains { $0.hasPrefix("[\(done)/5] ") }, "\(animated)") }
                #expect(drawn.filter { $0.hasPrefix("[") }.allSatisfy { $0.count < Self.columns }, "\(animated)")
                #expect(shown(animated) == plain.withoutStarts.withoutTimes, "\(animated)")

                for (terminal, noColour) in [("xterm", "1"), ("dumb", "")] {
                    let still = try await told(fleet, on: terminal, noColour: noColour)
                    #expect(still.withoutTimes == plain.withoutTimes, "TERM=\(terminal) NO_COLOR=\(noColour)")
                }
            }
        }

        private static let columns = 60
        private static let redraw = "\r\u{1b}[K"

        /// What an apply from nothing tells: on a pseudoterminal of that kind, or through a pipe.
        private func told(_ fleet: TestFleet, on terminal: String?, noColour: String = "") async throws -> String {
            try await fleet.wipe()
            let command = [
                Program.infra, "apply", "--yes", "--parallelism", "1", "--files", fleet.files, fleet.manifests,
            ]
            var words = ["NO_COLOR=\(noColour)", "TERM=\(terminal ?? "xterm")"]
            if terminal == nil {
                words += command
            } else {
                let onTerminal = "stty cols \(Self.columns) -opost; exec \(command.joined(separator: " "))"
                words += ["script", "--quiet", "--return", "--flush", "--command", onTerminal, "/dev/null"]
            }
            let ended = try await Program.run("env", words)
            guard ended.status == 0 else { throw Failure("\(ended)") }
            return ended.output
        }

        /// What is left to read of it once it has ended.
        private func shown(_ text: String) -> String {
            let lines = text.components(separatedBy: "\n").map { line in
                line.components(separatedBy: Self.redraw).last ?? ""
            }
            return lines.joined(separator: "\n").replacing(/\u{1b}\[[0-9;]*m/, with: "").withoutTimes
        }
    }
}

extension String {
    /// How long steps take differs.
    fileprivate var withoutTimes: String { replacing(/after [0-9]+\.[0-9]s/, with: "after some time") }

    /// Without the lines that say that a step began.
    fileprivate var withoutStarts: String {
        split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.hasSuffix("…") }.joined(separator: "\n")
    }
}
