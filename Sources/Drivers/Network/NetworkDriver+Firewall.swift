public import Hosts
public import Model

extension NetworkDriver {
    /// Reads the fleet's table; nil when there is none.
    ///
    /// - Throws: `.command` when there is no nft(8), `.surprise` when the table is not ours.
    public func observeFirewall() async throws(HostError) -> Firewall? {
        guard let listing = try await listing() else { return nil }
        return try FirewallTable(identity: identity).read(listing)
    }

    /// Whether the kernel tracks connections on bridges: a rule that asks for their state is put to it and not kept
    /// (`nft --check`). Without it the kernel says EPROTO.
    public func tracksConnections() async throws(HostError) -> Bool {
        let rule = "table bridge \(identity.firewallName)_probe {\nchain probe {\nct state established accept\n}\n}\n"
        let output = try await commands.run(
            "nft", ["--check", "-f", "-"], input: .bytes(Array(rule.utf8)), deadline: .seconds(15), accepting: [0, 1])
        return output.status == 0
    }

    /// Replaces the table in one transaction: each frame meets the old rules or the new ones, never none. Then the
    /// table gets its seal; without it the next run writes it again.
    ///
    /// - Throws: `.surprise` when there is a table of that name that is not ours, `.command` when the kernel refuses.
    public func writeFirewall(_ firewall: Firewall) async throws(HostError) {
        let table = FirewallTable(identity: identity)
        let text = try table.text(firewall)
        _ = try await observeFirewall()
        try await nft(text)
        guard let listing = try await listing() else { throw .surprise("the firewall that was written is not there") }
        try await nft(table.sealing(listing))
    }

    /// Removes the table. One that is gone already is a success.
    ///
    /// - Throws: `.surprise` when it is not ours.
    public func removeFirewall() async throws(HostError) {
        guard try await observeFirewall() != nil else { return }
        try await nft("delete table bridge \(identity.firewallName)\n")
    }

    private func listing() async throws(HostError) -> String? {
        do throws(HostError) {
            return try await commands.run(
                "nft", ["--stateless", "list", "table", "bridge", identity.firewallName], deadline: .seconds(15),
                outputLimit: FirewallTable.sizeLimit
            ).text
        } catch .command(_, 1, let message) where message.contains("No such file or directory") {
            return nil
        }
    }

    private func nft(_ text: String) async throws(HostError) {
        try await commands.run(
            "nft", ["-f", "-"], input: .bytes(Array(text.utf8)), deadline: .seconds(30), underLock: true)
    }
}
