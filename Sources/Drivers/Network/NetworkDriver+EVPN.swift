import Foundation
public import Hosts
public import Model

/// What FRR on a host says.
public struct RoutingObservation: Hashable, Sendable {
    /// The fleet's part; nil when there is none.
    public var evpn: EVPN?
    /// A router that is not the fleet's.
    public var foreign: BGPRouter?

    /// An observation.
    public init(evpn: EVPN? = nil, foreign: BGPRouter? = nil) {
        self.evpn = evpn
        self.foreign = foreign
    }
}

extension NetworkDriver {
    /// Reads the configuration that runs and the one in the file, in one command.
    ///
    /// - Throws: `.command` with status 127 where there is no FRR; `.unreadable` while its bgpd does not run.
    public func observeRouting() async throws(HostError) -> RoutingObservation { try await commands.ask(routing) }

    /// The configuration that runs and the one in the file. As `observeRouting`.
    public var routing: HostQuestion<RoutingObservation> {
        HostQuestion(Self.configurationCall) { output throws(HostError) in
            let texts = try Self.configuration(output)
            let table = FRRConfiguration(identity: identity)
            var (ours, foreign) = table.read(FRRConfiguration.router(in: texts.running))
            if let seen = ours, let file = texts.file {
                ours?.isSaved = seen == table.read(FRRConfiguration.router(in: file)).ours
            }
            return RoutingObservation(evpn: ours, foreign: foreign)
        }
    }

    /// Makes FRR say what is wanted, at once and in its file. What else stands there is not touched.
    ///
    /// - Throws: `.surprise` where there is a router of another system, `.command` when FRR refuses a line.
    public func writeRouting(_ wanted: EVPN) async throws(HostError) { try await route(wanted) }

    /// Takes the fleet's part out of FRR.
    public func removeRouting() async throws(HostError) { try await route(nil) }

    private func route(_ wanted: EVPN?) async throws(HostError) {
        let texts = try await commands.ask(HostQuestion(Self.configurationCall, read: Self.configuration))
        let table = FRRConfiguration(identity: identity)
        let commands = try table.commands(from: FRRConfiguration.router(in: texts.running), to: wanted)
        if !commands.isEmpty {
            try await script(FRRScripts.run, [], commands.joined(separator: "\n") + "\n")
        }
        // FRR without such a file keeps one for each daemon, and would read none of those once it is there.
        guard let file = texts.file else { return }
        let text = table.file(file, with: wanted)
        guard text != file else { return }
        try await script(FRRScripts.save, [String(file.utf8.count)], file + text)
    }

    private func script(_ text: String, _ arguments: [String], _ input: String) async throws(HostError) {
        try await commands.run(
            "bash", ["-c", text, "infra-frr"] + arguments, input: .bytes(Array(input.utf8)), deadline: .seconds(30),
            underLock: true)
    }

    private static let configurationCall = CommandCall(
        "bash", ["-c", FRRScripts.read, "infra-frr"], deadline: .seconds(15), outputLimit: 1 << 26)

    private static func configuration(_ output: CommandOutput) throws(HostError) -> (running: String, file: String?) {
        let parts = output.text.split(separator: "\0", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2 else { throw .unreadable("vtysh wrote no configuration") }
        guard parts[0].split(whereSeparator: \.isWhitespace).contains("bgpd") else {
            throw .unreadable("FRR's bgpd does not run; write bgpd=yes in /etc/frr/daemons and restart FRR")
        }
        return (String(parts[1]), parts.count == 3 ? String(parts[2]) : nil)
    }
}

/// The fixed texts that `bash -c` runs on the host. Values come as arguments or on standard input, never in the text.
private enum FRRScripts {
    /// The daemons, what runs, and frr.conf if there is one, between NUL. A distribution's vtysh is not asked where no daemon
    /// listens: it takes long to say so.
    static let read = #"""
        set -eu
        hash vtysh 2>/dev/null || exit 127
        shopt -s nullglob
        sockets=(/run/frr/*.vty /var/run/frr/*.vty)
        if [[ ${BASH_CMDS[vtysh]} == /usr/bin/vtysh && ${#sockets[@]} == 0 ]]; then
            printf '\0'
            exit
        fi
        vtysh -c 'show daemons'
        printf '\0'
        vtysh -c 'show running-config'
        if [[ -f /etc/frr/frr.conf ]]; then
            printf '\0'
            exec cat /etc/frr/frr.conf
        fi
        """#

    /// Lines on standard input. vtysh tells on standard output what it does not take.
    static let run = #"""
        set -eu
        umask 077
        file=$(mktemp)
        trap 'rm -f -- "$file"' EXIT
        cat >"$file"
        vtysh -f "$file" >&2
        """#

    /// SIZE of the file as it was read; the old text and the new one on standard input.
    static let save = #"""
        set -euo pipefail
        file=/etc/frr/frr.conf
        umask 077
        old=$(mktemp)
        trap 'rm -f -- "$old" "$file.infra-staged"' EXIT
        head -c "$1" >"$old"
        cmp -s -- "$old" "$file" || { echo "$file has changed meanwhile" >&2; exit 9; }
        cp --preserve=mode,ownership -- "$file" "$file.infra-staged"
        cat >"$file.infra-staged"
        sync -- "$file.infra-staged"
        mv -- "$file.infra-staged" "$file"
        """#
}
