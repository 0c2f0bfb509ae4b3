import Foundation
import Model
import Testing
import TestSupport

/// A host of the lab, looked at and harmed by other ways than the program's own.
struct RackHost: Hashable, Sendable, CustomStringConvertible {
    static let all = (1...3).map { RackHost(number: $0) }
    /// A VM, for what namespaces cannot have.
    static let vm = RackHost(number: 1, isVM: true)
    static let lab = Lab.repository.appending(path: "Tests/Lab/lab").path(percentEncoded: false)

    let number: Int
    var isVM = false

    var description: String { "\(isVM ? "vm" : "host")-\(number)" }
    /// Its name in a fleet.
    var name: String { "\(isVM ? "vm" : "rack")-\(number)" }
    var address: String { "192.0.2.\((isVM ? 100 : 10) + number)" }
    var address6: String { "2001:db8::\((isVM ? 100 : 10) + number)" }

    /// The line of its public key, type and base64 text.
    var hostKey: String {
        get throws {
            let text = try String(contentsOfFile: "\(try keysOfLab())/\(self).pub", encoding: .utf8)
            return text.split(separator: " ").prefix(2).joined(separator: " ")
        }
    }

    /// Runs a script there and returns what it wrote, without the newline at the end.
    @discardableResult
    func sh(_ script: String, _ arguments: String...) async throws -> String {
        let words = ["exec", "--shared", description, "bash", "-euo", "pipefail", "-c", script, "bash"] + arguments
        let ended = try await Program.run(Self.lab, words, seconds: 300)
        guard ended.status == 0 else { throw Failure("\(self): \(script)\n\(ended)") }
        return ended.output.trimmingCharacters(in: .newlines)
    }

    /// The names of the domains that run.
    func running() async throws -> Set<String> {
        Set(try await sh("virsh list --name --state-running").split(whereSeparator: \.isNewline).map(String.init))
    }

    /// The names of all domains.
    func all() async throws -> Set<String> {
        Set(try await sh("virsh list --name --all").split(whereSeparator: \.isNewline).map(String.init))
    }

    /// Ends sshd and every session in it, as when the service is stopped and its connections reset.
    func stopSSH() async throws { try await sh("kill -KILL $(pidof sshd)") }

    /// Starts what is not running of its daemons.
    func startSSH() async throws {
        try await sh(#"bash "$1/Tests/Lab/host-daemons""#, Lab.repository.path(percentEncoded: false))
    }

    /// Its cable. The underlay is where these tests run.
    func link(_ isUp: Bool) async throws {
        let ended = try await Program.run("ip", ["link", "set", "dev", description, isUp ? "up" : "down"])
        guard ended.status == 0 else { throw Failure("\(ended)") }
    }

    /// Where a link floods to.
    func floods(_ link: String) async throws -> Set<String> {
        let text = try await sh(
            #"bridge fdb show dev "$1" | sed -n 's/^00:00:00:00:00:00 dst \([^ ]*\).*/\1/p'"#, link)
        return Set(text.split(whereSeparator: \.isNewline).map(String.init))
    }

    /// Waits until a guest has told a line on its console. One that does not run tells nothing.
    ///
    /// An emulated guest now and then does not come as far as its kernel's first word. It is reset once, with the definition
    /// it has, and what its processor did is recorded: one that is defined wrongly stays silent then, too.
    /// - Parameter times: how often, since the log of its console began on this host.
    func tells(_ fleet: RackFleet, _ machine: String, _ line: String, times: Int = 1) async throws {
        do {
            try await hears(fleet, machine, line, times: times)
        } catch {
            guard try await told(fleet, machine).isEmpty, try await state(machine) == "running" else { throw error }
            withKnownIssue("emulated guests do not always start") {
                Issue.record("\(self): \(machine) did not start: \(error)")
            }
            try await sh(#"virsh -q reset "$1""#, machine)
            try await hears(fleet, machine, line, times: times)
        }
    }

    private func hears(_ fleet: RackFleet, _ machine: String, _ line: String, times: Int) async throws {
        try await sh(
            #"""
            log=/var/log/libvirt/qemu/infra-$1-$2.console.log
            exec 3< <(exec tail -n +1 -F "$log" 2>/dev/null)
            tail=$!
            left=$4
            while IFS= read -r -t 240 line <&3; do
                if [[ ${line%$'\r'} == "infra-guest: $3" ]] && ((--left == 0)); then kill "$tail"; exit 0; fi
            done
            kill "$tail"
            echo "$2 does not tell: $3"; tail -n 20 "$log"; wc -c "$log"; virsh domstate --reason "$2"
            virsh domstats --vcpu "$2"; virsh qemu-monitor-command --hmp "$2" 'info registers' | sed 6q; exit 1
            """#, fleet.identity.fleet8, machine, line, String(times))
    }

    /// What a guest told so far.
    func told(_ fleet: RackFleet, _ machine: String) async throws -> [Substring] {
        try await sh("cat /var/log/libvirt/qemu/infra-$1-$2.console.log", fleet.identity.fleet8, machine)
            .split(whereSeparator: \.isNewline)
    }
}
