import Foundation
import Hosts
import Model
import Testing

@testable import Drivers

/// A table as nft(8) reads it and lists it.
@Suite struct FirewallTableTests {
    let table: FirewallTable

    init() throws {
        let fleet = try #require(UUID(uuidString: "6f0a1d52-0000-0000-0000-000000000001"))
        table = FirewallTable(identity: Identity(fleet: fleet))
    }

    private var listing: String {
        """
        table bridge infra_6f0a1d52 {
        \tcomment "infra:6f0a1d52-0000-0000-0000-000000000001"
        \tchain from_it1 {
        \t\tcomment "web-1"
        \t\tether saddr != 52:00:00:00:00:01 drop
        \t\tether type { 8021q, 8021ad } drop
        \t}

        \tchain to_it1 {
        \t\tcomment "eth0 0123456789abcdef"
        \t\tip saddr { 10.0.0.1, 10.0.0.2,
        \t\t\t   10.0.0.3 } accept
        \t\tdrop
        \t}

        \tchain guests_send {
        \t\ttype filter hook prerouting priority dstnat; policy accept;
        \t\tiifname vmap { "vnet3" : jump from_it1,
        \t\t\t     "it1" : jump from_it1 }
        \t}
        }

        """
    }

    /// The listing with its seal, as it stands on a host.
    private func sealed(_ listing: String) -> String {
        let name = table.sealing(listing).split(separator: " ").last?.dropLast() ?? ""
        return listing.replacing("\n}\n", with: "\n\n\tchain \(name) {\n\t}\n}\n")
    }

    @Test func whatItSays() throws {
        let seen = try table.read(sealed(listing))
        #expect(
            seen
                == Firewall(ports: [
                    Firewall.Port(
                        name: "it1", machine: "web-1", interface: "eth0", devices: ["it1", "vnet3"],
                        from: ["ether saddr != 52:00:00:00:00:01 drop", "ether type { 8021q, 8021ad } drop"],
                        to: ["ip saddr { 10.0.0.1, 10.0.0.2, 10.0.0.3 } accept", "drop"], digest: "0123456789abcdef")
                ]))
    }

    @Test func theOrderOfASetIsNone() throws {
        let other = listing.replacing("10.0.0.1, 10.0.0.2,\n\t\t\t   10.0.0.3", with: "10.0.0.3, 10.0.0.1, 10.0.0.2")
        #expect(table.sealing(other) == table.sealing(listing))
    }

    @Test(arguments: [
        ("\t\tdrop\n", ""), ("policy accept", "policy drop"), ("10.0.0.2", "10.0.0.4"), ("\"vnet3\"", "\"vnet4\""),
        ("\t}\n}\n", "\t}\n\n\tchain more {\n\t}\n}\n"), ("\t}\n}\n", "\t\tdrop\n\t}\n}\n"),
        ("chain to_it1", "chain to_it2"),
    ])
    func aChangeBreaksTheSeal(old: String, new: String) throws {
        let whole = sealed(listing)
        #expect(whole.contains(old))
        #expect(try table.read(whole.replacing(old, with: new)).isIntact == false, "\(old) \(new)")
    }

    @Test func withoutASealItIsUnfinished() throws {
        #expect(try table.read(listing).isIntact == false)
    }

    @Test func anotherMarkIsAnothersTable() {
        let other = listing.replacing("0001\"", with: "0002\"")
        #expect(throws: HostError.surprise("the nftables table bridge infra_6f0a1d52 is there and not ours")) {
            try table.read(other)
        }
    }

    @Test(arguments: ["drop; flush ruleset", "drop\nflush ruleset", "log prefix \"x\"", "drop # all", ""])
    func onlyRulesAreWritten(statement: String) {
        let firewall = Firewall(ports: [
            .init(name: "it1", machine: "a", interface: "eth0", devices: ["it1"], from: [statement], to: [])
        ])
        #expect(throws: HostError.self) { try table.text(firewall) }
    }
}
