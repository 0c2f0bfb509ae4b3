import Foundation
import Model

/// What a guest prints on its serial console, as libvirt's log daemon keeps it on the host.
struct GuestConsole: Sendable {
    /// The domain, by name.
    let domain: String
    private let path: String

    init(_ domain: String, of fleet: TestFleet, machine: String? = nil) {
        self.domain = domain
        path = "/var/log/libvirt/qemu/infra-\(fleet.identity.fleet8)-\(machine ?? domain).console.log"
    }

    /// What it printed so far, in whole lines.
    func lines() -> [Substring] {
        let text = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let whole = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        return whole.dropLast().filter { !$0.isEmpty }
    }

    /// Waits until the guest tells that line.
    /// - Parameter seen: How many lines it had printed before; those do not count.
    func tells(_ line: String, after seen: Int = 0) async throws {
        _ = try await tells(line, after: seen) { $0 == "infra-guest: " + line }
    }

    /// Waits for a line, and returns it. A guest under emulation takes its time; one that does not run tells nothing.
    @discardableResult
    func tells(
        _ what: String, after seen: Int = 0, where isIt: (Substring) -> Bool
    ) async throws -> String {
        let end = ContinuousClock.now + .seconds(300)
        var looks = 0
        var isReset = false
        while true {
            let lines = lines()
            if let found = lines.dropFirst(seen).first(where: isIt) { return String(found) }
            if !isReset, lines.contains(where: Self.tellsOfALostTimer) {
                isReset = true
                print("note: QEMU lost the timer of \(domain), which is reset")
                try await sh(#"virsh reset "$1""#, domain)
            }
            looks += 1
            if looks.isMultiple(of: 20), try await Virsh.state(domain) != "running" {
                throw Failure("\(domain) does not run any more and never told: \(what)\n\(lines.suffix(20))")
            }
            guard ContinuousClock.now < end else {
                throw Failure("\(domain) did not tell in 300 s: \(what)\n\(lines.suffix(20))")
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    /// Whether a guest's kernel says that it sleeps although it asked to be woken long ago. QEMU's translator does that to a
    /// guest with several processors now and then, when the machine is busy as it starts; nothing wakes it any more.
    private static func tellsOfALostTimer(_ line: Substring) -> Bool {
        line.contains("Possible timer handling issue")
    }

    /// Opens the terminal of the domain `$1`, types `$2` and waits for the echo. QEMU notices only after a while that somebody has
    /// opened it, and until then drops what is typed.
    static let typing =
        #"""
        exec 3<>"$(virsh ttyconsole "$1")"
        for ((tries = 0; tries < 60; tries++)); do
            printf '\n' >&3
            if read -r -t 1 -u 3 _; then break; fi
        done
        printf '%s\n' "$2" >&3
        # What the guest tells meanwhile may break the echo.
        SECONDS=0
        while ((SECONDS < 60)) && read -r -t 30 -u 3 line; do
            if [[ $line == *"$2"* ]]; then exit 0; fi
        done
        exit 1
        """#

    /// What a guest runs that is to count, without end.
    static let counting = "i=0; while :; do i=$((i+1)); echo infra-guest: count $i; usleep 200000; done &"

    /// Types a line at the console, where the guest runs it as a command.
    func type(_ command: String) async throws {
        try await sh(Self.typing, domain, command)
    }
}

extension GuestConsole {
    /// Types a command, and waits for the last word of the line in which it tells that word.
    func answer(_ word: String, to command: String) async throws -> String {
        let seen = lines().count
        try await type(command)
        let line = try await tells(word, after: seen) { $0.hasPrefix("infra-guest: \(word) ") }
        return String(line.split(separator: " ").last ?? "")
    }

    /// What a guest that counts has counted so far.
    func counts() -> [Int] {
        lines().compactMap { line in line.firstMatch(of: /^infra-guest: count (\d+)$/).flatMap { Int($0.output.1) } }
    }
}
