import Foundation
import Hosts
import Model
import TestSupport
import Testing

@testable import Drivers

/// What `ip` and `bridge` of iproute2 6.1 wrote, made sense of.
@Suite struct NetworkParsingTests {
    static let fleet = "6f0a1d52-3b1c-4b7e-9a55-0d6c1f0e9a11"
    let driver: NetworkDriver

    init() throws {
        driver = NetworkDriver(
            commands: CommandRunner(), host: "a", identity: Identity(fleet: try #require(UUID(uuidString: Self.fleet))))
    }

    private func recording(_ name: String) throws -> String {
        try String(contentsOf: Lab.repository.appending(path: "Tests/Recordings/network/\(name)"), encoding: .utf8)
    }

    @Test func everyKindOfLink() throws {
        let observation = driver.observation(
            links: try LinkRecord.parse(try recording("links.json")),
            floods: try FloodRecord.parse(try recording("fdb.json")))
        #expect(observation.unknown.isEmpty)
        #expect(observation.networks.map(\.metadata.identity) == ["lan", "office"])
        let office = try #require(observation.networks.last)
        #expect(office.spec == Network.Spec(vxlan: Network.VXLAN(vni: 4200, port: 4789), mtu: 1450))
        #expect(
            office.status
                == Network.Status(
                    host: "a", uuid: driver.identity.uuid(ResourceID(.network, "office")),
                    bridge: Network.Bridge(name: driver.identity.bridgeName("office"), mtu: 1450),
                    tunnel: Network.Tunnel(
                        name: driver.identity.tunnelName("office"), vni: 4200, port: 4789,
                        local: IPAddress(ipv4: 192, 0, 2, 11), mtu: 1450,
                        bridge: driver.identity.bridgeName("office"),
                        // The last one has a port of its own, which we never write.
                        flood: ["192.0.2.12", "192.0.2.13", "192.0.2.14", "192.0.2.14"].compactMap { IPAddress($0) })))
        let lan = try #require(observation.networks.first?.status)
        #expect(lan.bridge == Network.Bridge(name: driver.identity.bridgeName("lan"), mtu: 1500, isUp: false))
        #expect(lan.tunnel == nil)
        #expect(observation.staged == [driver.identity.tunnelName("dmz") + "-s"])
        #expect(
            observation.foreign
                == [
                    ForeignObject(kind: .link, name: driver.identity.bridgeName("clash")),
                    ForeignObject(
                        kind: .link, name: "ivfffffffffff", owner: "fleet 11111111", vni: 9, port: 4789,
                        obstacle: "it belongs to another fleet"),
                    ForeignObject(
                        kind: .link, name: "ivother", vni: 77, port: 8472,
                        obstacle: "its flood list names ports or interfaces"),
                    ForeignObject(kind: .link, name: "virbr9"),
                ].sorted { $0.name < $1.name })
        #expect(observation.adoptable.map(\.metadata.name) == ["virbr9"])
    }

    /// VLANs with our mark, of somebody, tagged by another protocol, and one that was not finished.
    @Test func vlans() throws {
        let alias = driver.identity.linkAlias(ResourceID(.network, "office"))
        let name = driver.identity.vlanName("office")
        let staged = driver.identity.linkAddress(host: "a", link: driver.identity.vlanName("lan"))
        func link(_ name: String, _ rest: String, tagging: String = "802.1Q") -> String {
            #"""
            {"ifindex":5,"link":"eth1","ifname":"\#(name)","flags":["UP"],"mtu":1450,\#(rest),
            "linkinfo":{"info_kind":"vlan","info_data":{"protocol":"\#(tagging)","id":42,"flags":["REORDER_HDR"]}}}
            """#
        }
        func seen(_ links: String...) throws -> NetworkObservation {
            driver.observation(links: try LinkRecord.parse("[\(links.joined(separator: ","))]"), floods: [])
        }
        let found = try seen(
            link(name, #""master":"ib0","ifalias":"\#(alias)""#), link("eth1.42", #""address":"02:00:00:00:00:01""#),
            link(driver.identity.vlanName("lan") + "-s", #""address":"\#(staged)""#))
        #expect(
            found.networks.map(\.status?.vlan) == [
                Network.VLANLink(name: name, id: 42, interface: "eth1", mtu: 1450, bridge: "ib0")
            ])
        #expect(found.networks.map(\.spec.vlan) == [Network.VLAN(host: "a", interface: "eth1", id: 42)])
        #expect(
            found.foreign == [
                ForeignObject(
                    kind: .link, name: "eth1.42", vlan: 42, interface: "eth1",
                    obstacle: "VLANs are made, not adopted")
            ])
        #expect(found.staged == [driver.identity.vlanName("lan") + "-s"])
        let other = try seen(link(name, #""ifalias":"\#(alias)""#, tagging: "802.1ad"))
        #expect(other.networks.first?.status?.vlan?.id == 0)
        let two = try seen(link(name, #""ifalias":"\#(alias)""#), link("eth1.42", #""ifalias":"\#(alias)""#))
        #expect(two.networks == [] && two.unknown.map(\.resource) == [ResourceID(.network, "office")])
    }

    @Test func twoLinksWithOneMarkAreUnknown() throws {
        var links = try LinkRecord.parse(try recording("links.json"))
        let index = try #require(links.firstIndex { $0.name == "virbr9" })
        links[index].alias = driver.identity.linkAlias(ResourceID(.network, "office"))
        let observation = driver.observation(links: links, floods: [])
        #expect(observation.networks.map(\.metadata.identity) == ["lan"])
        #expect(observation.unknown.map(\.resource) == [ResourceID(.network, "office")])
    }

    /// However much of the output is missing, it is never taken for less links.
    @Test("hostile host output: half a JSON document") func halfADocumentIsUnreadable() throws {
        for name in ["links.json", "fdb.json"] {
            let text = try recording(name).trimmingCharacters(in: .whitespacesAndNewlines)
            for length in stride(from: 0, to: text.count, by: 97) {
                let half = String(text.prefix(length))
                #expect(throws: HostError.self) {
                    if name == "links.json" { _ = try LinkRecord.parse(half) } else { _ = try FloodRecord.parse(half) }
                }
            }
        }
        #expect(throws: HostError.self) { try LinkRecord.parse("[{}]") }
        #expect(throws: HostError.self) { try LinkRecord.parse(#"[{"ifname": 7, "mtu": 1, "flags": []}]"#) }
    }
}
