import Foundation
import Hosts
import Model
import Testing

@testable import Drivers

/// The fleet's part of FRR's configuration, read and written as FRR 8.4 does.
@Suite struct FRRConfigurationTests {
    static let fleet = "6f0a1d52-3b1c-4b7e-9a55-0d6c1f0e9a11"
    let table: FRRConfiguration
    let wanted = EVPN(
        asn: 65_000, address: IPAddress(ipv4: 192, 0, 2, 11),
        neighbors: [IPAddress(ipv4: 192, 0, 2, 12), IPAddress(ipv4: 192, 0, 2, 13)])

    init() throws { table = FRRConfiguration(identity: Identity(fleet: try #require(UUID(uuidString: Self.fleet)))) }

    /// What vtysh wrote after the commands for `wanted`.
    private let running = """
        Building configuration...

        Current configuration:
        !
        frr version 8.4.4
        frr defaults traditional
        hostname host-1
        service integrated-vtysh-config
        !
        router bgp 65000
         bgp router-id 192.0.2.11
         no bgp default ipv4-unicast
         neighbor infra-6f0a1d52 peer-group
         neighbor infra-6f0a1d52 remote-as 65000
         neighbor infra-6f0a1d52 description infra:6f0a1d52-3b1c-4b7e-9a55-0d6c1f0e9a11 router advertising
         neighbor infra-6f0a1d52 update-source 192.0.2.11
         neighbor 192.0.2.12 peer-group infra-6f0a1d52
         neighbor 192.0.2.13 peer-group infra-6f0a1d52
         !
         address-family l2vpn evpn
          neighbor infra-6f0a1d52 activate
          advertise-all-vni
         exit-address-family
        exit
        !
        router bgp 65000 vrf red
         neighbor infra-6f0a1d52 peer-group
        exit
        !
        end

        """

    private let foreign = """
        frr version 8.4.4
        ! the operator's own
        router bgp 65000
         neighbor 192.0.2.77 remote-as 65077
         !
         address-family ipv4 unicast
          network 10.0.0.0/8
         exit-address-family
        exit
        ip route 10.9.0.0/16 192.0.2.1
        """

    @Test func whatRunsIsReadAsItWasWritten() throws {
        let router = FRRConfiguration.router(in: running)
        #expect(table.read(router).ours == wanted)
        #expect(table.read(router).foreign == nil)
        #expect(try table.commands(from: router, to: nil) == ["no router bgp 65000"])
    }

    @Test(arguments: [
        (" neighbor 192.0.2.13 peer-group infra-6f0a1d52\n", ""),
        ("  advertise-all-vni\n", ""), ("  neighbor infra-6f0a1d52 activate\n", ""),
        (" no bgp default ipv4-unicast\n", ""), ("remote-as 65000", "remote-as 65009"),
        ("update-source 192.0.2.11\n", "update-source 192.0.2.11\n neighbor infra-6f0a1d52 timers 3 9\n"),
        ("router-id 192.0.2.11", "router-id 1.1.1.1"),
    ])
    func whatSomebodyChangedIsSeen(_ old: String, _ new: String) {
        #expect(running.contains(old))
        let seen = table.read(FRRConfiguration.router(in: running.replacing(old, with: new))).ours
        #expect(seen != nil && seen != wanted, "\(old) \(String(describing: seen))")
    }

    @Test func aStrangersRouterStays() throws {
        let router = try #require(FRRConfiguration.router(in: foreign))
        #expect(table.read(router).ours == nil)
        #expect(
            table.read(router).foreign == BGPRouter(asn: 65_000, neighbors: [IPAddress(ipv4: 192, 0, 2, 77)]))
        var joined = wanted
        joined.ownsRouter = false
        #expect(
            try table.commands(from: router, to: joined) == [
                "router bgp 65000",
                " neighbor infra-6f0a1d52 peer-group", " neighbor infra-6f0a1d52 remote-as 65000",
                " neighbor infra-6f0a1d52 description infra:6f0a1d52-3b1c-4b7e-9a55-0d6c1f0e9a11 advertising",
                " neighbor infra-6f0a1d52 update-source 192.0.2.11",
                " neighbor 192.0.2.12 peer-group infra-6f0a1d52", " neighbor 192.0.2.13 peer-group infra-6f0a1d52",
                " address-family ipv4 unicast", "  no neighbor infra-6f0a1d52 activate", " exit-address-family",
                " address-family l2vpn evpn", "  neighbor infra-6f0a1d52 activate", "  advertise-all-vni",
                " exit-address-family", "exit",
            ])
        var other = wanted
        other.asn = 65_001
        #expect(throws: HostError.self) { try table.commands(from: router, to: other) }
        // A neighbour of theirs would lose its session and all that is said of it.
        joined.neighbors.append(IPAddress(ipv4: 192, 0, 2, 77))
        #expect(throws: HostError.self) { try table.commands(from: router, to: joined) }
    }

    @Test func onlyOurLinesGo() throws {
        var joined = wanted
        joined.ownsRouter = false
        let text = table.file(foreign, with: joined)
        let router = FRRConfiguration.router(in: text)
        #expect(table.read(router).ours == joined)
        #expect(
            try table.commands(from: router, to: nil) == [
                "router bgp 65000",
                " no neighbor 192.0.2.12 peer-group infra-6f0a1d52",
                " no neighbor 192.0.2.13 peer-group infra-6f0a1d52", " no neighbor infra-6f0a1d52 peer-group",
                " address-family l2vpn evpn", "  no advertise-all-vni", " exit-address-family", "exit",
            ])
    }

    @Test func aNeighborThatIsGoneLeaves() throws {
        var fewer = wanted
        fewer.neighbors.removeLast()
        let commands = try table.commands(from: FRRConfiguration.router(in: running), to: fewer)
        #expect(commands.contains(" no neighbor 192.0.2.13 peer-group infra-6f0a1d52"))
        #expect(!commands.contains { $0.hasPrefix(" no neighbor 192.0.2.12") })
    }

    @Test func theFileKeepsEveryOtherByte() {
        for text in ["", "! a comment\n\nhostname a\n", foreign + "\n"] {
            var part = wanted
            part.ownsRouter = !text.contains("router bgp")
            let written = table.file(text, with: part)
            #expect(written.hasPrefix(text))
            #expect(table.read(FRRConfiguration.router(in: written)).ours == part)
            #expect(table.file(written, with: part) == written)
            #expect(table.file(written, with: nil) == text)
        }
    }

    /// `write memory` keeps no comments and joins what stands in several places.
    @Test func whatFRRSavedByItselfIsOursToo() {
        let rest = running.replacing(#/router bgp 65000\n( .*\n)+exit\n/#, with: "", maxReplacements: 1)
        #expect(table.file(running, with: nil) == rest)
        #expect(table.read(FRRConfiguration.router(in: table.file(running, with: wanted))).ours == wanted)
        #expect(FRRConfiguration.router(in: rest) == nil)
    }
}
