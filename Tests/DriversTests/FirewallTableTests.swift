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

    private var link: String { table.identity.deviceName(machine: "web-1", interface: "eth0") }

    private var listing: String {
        """
        table bridge infra_6f0a1d52 {
        \tcomment "infra:6f0a1d52-0000-0000-0000-000000000001"
        \tmap senders {
        \t\ttype ifname : verdict
        \t\telements = { "vnet3" comment "web-1" : jump sender4,
        \t\t\t     "it1" comment "web-1" : jump sender4,
        \t\t\t     "it2" comment "web-2" : return }
        \t}

        \tmap receivers {
        \t\ttype ifname : verdict
        \t\telements = { "it1" comment "eth0 0123456789abcdef" : jump to_it1,
        \t\t\t     "vnet3" comment "eth0 0123456789abcdef" : jump to_it1,
        \t\t\t     "it2" comment "eth9 fedcba9876543210" : return }
        \t}

        \tset macs {
        \t\ttype ifname . ether_addr
        \t\telements = { "it1" . 52:00:00:00:00:01 comment "eth0 0123456789abcdef",
        \t\t\t     "vnet3" . 52:00:00:00:00:01 comment "eth0 0123456789abcdef" }
        \t}

        \tset addresses4 {
        \t\ttype ifname . ipv4_addr
        \t\telements = { "it1" . 10.0.0.9, "vnet3" . 10.0.0.9 }
        \t}

        \tchain to_it1 {
        \t\tip saddr { 10.0.0.1, 10.0.0.2,
        \t\t\t   10.0.0.3 } accept
        \t\tdrop
        \t}

        \tchain sender4 {
        \t\tiifname . ip saddr != @addresses4 drop
        \t}

        \tchain guests_send {
        \t\ttype filter hook prerouting priority dstnat; policy accept;
        \t\tiifname vmap @senders
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
        let mac = try #require(MACAddress("52:00:00:00:00:01"))
        let sender = Firewall.Sender(mac: mac, address: IPAddress("10.0.0.9"))
        #expect(
            seen
                == Firewall(ports: [
                    Firewall.Port(
                        name: link, machine: "web-1", interface: "eth0", devices: ["it1", "vnet3"],
                        sender: sender,
                        to: ["ip saddr { 10.0.0.1, 10.0.0.2, 10.0.0.3 } accept", "drop"], digest: "0123456789abcdef"),
                    Firewall.Port(
                        name: table.identity.deviceName(machine: "web-2", interface: "eth9"), machine: "web-2",
                        interface: "eth9", devices: ["it2"], to: [], digest: "fedcba9876543210"),
                ]))
    }

    /// What differs from guest to guest stands in sets; a thousand guests have no more rules than one.
    @Test func thousandGuestsHaveTheRulesOfOne() throws {
        func text(_ count: Int) throws -> String {
            let ports = try (1...count).map { number in
                let mac = try #require(
                    MACAddress("52:00:00:00:00:" + (number < 16 ? "0" : "") + String(number, radix: 16)))
                let sender = Firewall.Sender(mac: mac, address: IPAddress("10.0.0.\(number)"))
                return Firewall.Port(
                    name: "it\(number)", machine: "m\(number)", interface: "eth0", devices: ["it\(number)"],
                    sender: sender, to: [])
            }
            return try table.text(Firewall(ports: ports))
        }
        func rules(_ text: String) -> Int { text.split(separator: "\n").count }
        #expect(try rules(text(100)) == rules(text(1)))
        #expect(try text(100).contains(#""it100" . 10.0.0.100"#))
    }

    /// Statements beside a sender's get a chain of their own, which ends in the sender's.
    @Test(arguments: [
        ("10.0.0.9", "4"), ("2001:db8::9", "6"), ("", ""),
    ])
    func otherStatementsStandAsTheyAre(address: String, chain: String) throws {
        let mac = try #require(MACAddress("52:00:00:00:00:01"))
        let port = Firewall.Port(
            name: "it1", machine: "a", interface: "eth0", devices: ["it1"], from: ["udp sport 9 drop"],
            sender: Firewall.Sender(mac: mac, address: IPAddress(address)), to: [])
        let text = try table.text(Firewall(ports: [port]))
        #expect(text.contains("chain from_it1 {\nudp sport 9 drop\njump sender\(chain)\n}"))
        #expect(text.contains(": jump from_it1"))
        let lone = Firewall.Port(
            name: "it1", machine: "a", interface: "eth0", devices: ["it1"], from: ["udp sport 9 drop"], to: [])
        #expect(try table.text(Firewall(ports: [lone])).contains("chain from_it1 {\nudp sport 9 drop\n}"))
        #expect(port.digest != lone.digest)
    }

    @Test func aChainOfItsOwnIsReadBack() throws {
        let own = listing.replacing("jump sender4", with: "jump from_it1").replacing(
            "\tchain sender4 {",
            with: "\tchain from_it1 {\n\t\tudp sport 9 drop\n\t\tjump sender4\n\t}\n\n\tchain sender4 {")
        let port = try #require(try table.read(sealed(own)).ports.first { $0.machine == "web-1" })
        #expect(port.from == ["udp sport 9 drop"])
        #expect(
            try port.sender
                == Firewall.Sender(mac: #require(MACAddress("52:00:00:00:00:01")), address: IPAddress("10.0.0.9")))
    }

    @Test func theOrderOfASetIsNone() throws {
        let other = listing.replacing("10.0.0.1, 10.0.0.2,\n\t\t\t   10.0.0.3", with: "10.0.0.3, 10.0.0.1, 10.0.0.2")
        #expect(table.sealing(other) == table.sealing(listing))
    }

    @Test(arguments: [
        ("\t\tdrop\n", ""), ("policy accept", "policy drop"), ("10.0.0.2", "10.0.0.4"), ("\"vnet3\"", "\"vnet4\""),
        ("jump sender4", "return"), ("00:00:01 comment", "00:00:02 comment"), ("10.0.0.9,", "10.0.0.8,"),
        ("@senders", "@others"),
        ("\t}\n}\n", "\t}\n\n\tchain more {\n\t}\n}\n"), ("\t}\n}\n", "\t\tdrop\n\t}\n}\n"),
        ("chain to_it1", "chain to_it2"), ("map senders", "map others"),
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
