import Foundation
import TestSupport
import Testing

@Suite struct ServiceTests {
    /// systemd's own tool reads the unit without a word, and finds it exposed no more than the README says.
    @Test func theUnitIsTaken() async throws {
        let scratch = try Scratch()
        let unit = Lab.repository.appending(path: "Examples/service/infra-watch.service")
        let program = try scratch.write("infra", "#!/bin/sh\n", mode: 0o755)
        let text = try String(contentsOf: unit, encoding: .utf8)
            .replacingOccurrences(of: "/usr/local/bin/infra", with: program)
        let copy = try scratch.write("infra-watch.service", text, mode: 0o644)
        let said = try await shell("bash", ["-c", "systemd-analyze verify --man=no \"$0\" 2>&1; echo $?", copy])
        #expect(said == "0\n")
        let exposure = try await shell(
            "bash",
            ["-c", "systemd-analyze security --offline=true --threshold=30 \"$0\" >/dev/null 2>&1; echo $?", copy])
        #expect(exposure == "0\n")
    }
}
