import Model

/// What loads a fleet's firewall when its host starts: a unit of systemd.unit(5), and the file that nft(8) reads. It lies
/// beside the unit, which systemd overlooks by its ending, so that whoever writes both needs one folder.
struct FirewallUnit {
    let identity: Identity

    var name: String { "infra-\(identity.fleet8)-firewall.service" }
    var rules: String { "/etc/systemd/system/infra-\(identity.fleet8)-firewall.nft" }
    var mark: String { "# \(identity.firewallMark)" }

    /// After what clears all rules, and before there are links or guests.
    var text: String {
        """
        \(mark)
        [Unit]
        Description=Firewall of infra fleet \(identity.fleet8)
        DefaultDependencies=no
        Wants=network-pre.target
        After=local-fs.target nftables.service
        Before=network-pre.target libvirtd.service virtqemud.service shutdown.target
        Conflicts=shutdown.target

        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=nft -f \(rules)

        [Install]
        WantedBy=sysinit.target

        """
    }

    /// The file of a firewall whose table is there, with the seal that it has.
    func file(_ firewall: Firewall, table: String, seal: String) -> String {
        let body = table + seal
        return "\(mark)\n\(Self.keyStart)\(key(firewall)) \(Firewall.digest(body))\n\(body)"
    }

    /// Whether a file has the rules of the firewall that is there.
    func holds(_ file: String, _ firewall: Firewall) -> Bool {
        let lines = file.split(separator: "\n", maxSplits: 2, omittingEmptySubsequences: false)
        guard lines.count == 3, lines[0] == mark else { return false }
        return lines[1] == "\(Self.keyStart)\(key(firewall)) \(Firewall.digest(String(lines[2])))"
    }

    private static let keyStart = "# of "

    /// nft(8) prints rules in its own words, so rules are told by the digests that they were written with.
    private func key(_ firewall: Firewall) -> String {
        Firewall.digest(
            firewall.ports.map {
                ([$0.name, $0.machine, $0.interface, $0.digest] + $0.devices).joined(separator: " ")
            }.joined(separator: "\n"))
    }
}
