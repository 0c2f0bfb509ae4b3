import Foundation
import TestSupport
import Testing

@Suite struct ServiceTests {
    /// systemd's own tool reads the unit without a word, and finds it exposed no more than the README says.
    @Test func theUnitIsTaken() async throws { try await expectTaken([Self.unit], exposure: 32) }

    /// The same of the unit with its drop-in, which systemd reads after it.
    @Test func theDropInIsTaken() async throws {
        try await expectTaken(
            [Self.unit, Self.unit.appendingPathExtension("d").appending(path: "dhcp.conf")], exposure: 55)
    }

    private static let unit = Lab.repository.appending(path: "Examples/service/infra-watch.service")

    private func expectTaken(_ files: [URL], exposure: Int) async throws {
        let scratch = try Scratch()
        let program = try scratch.write("infra", "#!/bin/sh\n", mode: 0o755)
        let text = try files.map { try String(contentsOf: $0, encoding: .utf8) }.joined(separator: "\n")
            .replacingOccurrences(of: "/usr/local/bin/infra", with: program)
        let copy = try scratch.write("infra-watch.service", text, mode: 0o644)
        let said = try await shell("bash", ["-c", "systemd-analyze verify --man=no \"$0\" 2>&1; echo $?", copy])
        #expect(said == "0\n")
        let exposed = try await shell(
            "bash",
            [
                "-c", "systemd-analyze security --offline=true --threshold=\"$1\" \"$0\" >/dev/null 2>&1; echo $?",
                copy,
                String(exposure),
            ])
        #expect(exposed == "0\n")
    }
}
