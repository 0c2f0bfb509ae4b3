public import Hosts
public import Model

extension NetworkDriver {
    /// Reads the fleet's table; nil when there is none.
    ///
    /// - Throws: `.command` when there is no nft(8), `.surprise` when the table is not ours.
    public func observeFirewall() async throws(HostError) -> Firewall? { try await commands.ask(firewall) }

    /// The fleet's table. As `observeFirewall`.
    public var firewall: HostQuestion<Firewall?> { listing { text throws(HostError) in try table.read(text) } }

    private var table: FirewallTable { FirewallTable(identity: identity) }

    /// Whether the kernel tracks connections on bridges: a rule that asks for their state is put to it and not kept
    /// (`nft --check`). Without it the kernel says EPROTO.
    public func tracksConnections() async throws(HostError) -> Bool {
        let rule = "table bridge \(identity.firewallName)_probe {\nchain probe {\nct state established accept\n}\n}\n"
        let output = try await commands.run(
            "nft", ["--check", "-f", "-"], input: .bytes(Array(rule.utf8)), deadline: .seconds(15), accepting: [0, 1])
        return output.status == 0
    }

    /// What the kernel holds interfaces to their bandwidth by: libvirt's queues are tried in a network namespace that ends
    /// with the trial, a rule's limit is put to the kernel and not kept.
    public func shaping() async throws(HostError) -> Shaping {
        let output = try await commands.run(
            "bash", ["-c", Self.shapingTrial, "infra-shaping", "\(identity.firewallName)_probe"], deadline: .seconds(15)
        )
        guard let shaping = Shaping(rawValue: String(output.text.prefix { $0 != "\n" })) else {
            throw .unreadable("the trial of bandwidth limits wrote \(CommandText.printable(output.text))")
        }
        return shaping
    }

    private static let shapingTrial = #"""
        set -u
        lines='qdisc add dev lo root handle 1: htb default 1
        class add dev lo parent 1: classid 1:1 htb rate 8mbit
        qdisc add dev lo parent 1:1 handle 2: sfq perturb 10
        qdisc add dev lo ingress
        filter add dev lo parent ffff: protocol all u32 match u32 0 0 police rate 8mbit burst 64kb mtu 64kb drop flowid :1'
        rule="table bridge $1 {
        chain probe {
        limit rate over 1000 bytes/second burst 131072 bytes drop
        }
        }"
        if unshare --net -- tc -batch - <<<"$lines" >/dev/null 2>&1; then echo queues
        elif nft --check -f - <<<"$rule" >/dev/null 2>&1; then echo rules
        else echo nothing
        fi
        """#

    /// Replaces the table in one transaction: each frame meets the old rules or the new ones, never none. Then the
    /// table gets its seal; without it the next run writes it again.
    ///
    /// - Throws: `.surprise` when there is a table of that name that is not ours, `.command` when the kernel refuses.
    public func writeFirewall(_ firewall: Firewall) async throws(HostError) {
        let text = try table.text(firewall)
        _ = try await observeFirewall()
        try await nft(text)
        let seal = try await commands.ask(listing { listing throws(HostError) in table.sealing(listing) })
        guard let seal else { throw .surprise("the firewall that was written is not there") }
        try await nft(seal)
        try await saveFirewall(FirewallUnit(identity: identity).file(firewall, table: text, seal: seal))
    }

    /// Whether the file that the host loads when it starts has the rules that are there.
    public func isSaved(_ firewall: Firewall, in file: String?) -> Bool {
        file.map { FirewallUnit(identity: identity).holds($0, firewall) } ?? false
    }

    /// Removes the table. One that is gone already is a success.
    ///
    /// - Throws: `.surprise` when it is not ours.
    public func removeFirewall() async throws(HostError) {
        try await forgetFirewall()
        guard try await observeFirewall() != nil else { return }
        try await nft("delete table bridge \(identity.firewallName)\n")
    }

    /// For `bash -c`. nft(8) writes a few bytes at a time, and who reads them from a pipe is woken each time; so it writes
    /// to a file without a name, which is read when it is whole.
    private static let list = #"""
        set -u
        umask 077
        file=$(mktemp) && exec 3>"$file" 4<"$file" && rm -f -- "$file" || exit 3
        nft --stateless list table bridge "$1" >&3 || exit
        exec cat <&4
        """#

    private func listing<Value: Sendable>(
        _ read: @escaping @Sendable (String) throws(HostError) -> Value
    ) -> HostQuestion<Value?> {
        HostQuestion(
            CommandCall(
                "bash", ["-c", Self.list, "infra-firewall", identity.firewallName], deadline: .seconds(15),
                outputLimit: FirewallTable.sizeLimit),
            recover: { error throws(HostError) in
                if case .command(_, 1, let message) = error, message.contains("No such file or directory") {
                    return nil
                }
                throw error
            },
            read: { output throws(HostError) in try read(output.text) })
    }

    private func nft(_ text: String) async throws(HostError) {
        try await commands.run(
            "nft", ["-f", "-"], input: .bytes(Array(text.utf8)), deadline: .seconds(30), underLock: true)
    }
}
