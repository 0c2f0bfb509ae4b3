import Model
import Testing

extension VMHostTests {
    /// A tenant's VLAN on a wire, joined to the tenant's VNI.
    @Suite struct VMVLANTests {
        private let vm = RackHost.vm
        private let one = RackHost.all[0]

        @Test func aVLANIsPartOfItsNetwork() async throws {
            try await vm.sh(Self.wire)
            try await withRacks("vlan", on: [vm, one]) { fleet in
                try fleet.writeBase(networks: ["net": 6102])
                let vlan = "vlan: {host: vm-1, interface: wire, id: 42}, "
                try fleet.edit("fleet.yaml", "vxlan: {vni", vlan + "vxlan: {vni")
                try fleet.writeHost(vm)
                try fleet.writeHost(one)
                try fleet.writeMachine("vlan-1", on: one, network: "net", address: 11)
                let wire = try await vm.sh(Self.described)
                let applied = try await fleet.apply()
                try #require(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
                let (link, bridge) = (fleet.identity.vlanName("net"), fleet.identity.bridgeName("net"))
                let made =
                    #"["wire","infra:\#(fleet.id.lowercased):Network/net","\#(bridge)",1450,"vlan","802.1Q",42]"#
                #expect(try await vm.sh(Self.look, link) == made)

                // The guest is on another host: from the wire to it there is a VLAN, a bridge, a tunnel and a bridge.
                try await one.tells(fleet, "vlan-1", "vlan-1 up 10.60.0.11")
                #expect(try await vm.pings("far", "10.60.0.11", by: "far.42"))
                #expect(try await !vm.pings("far", "10.60.0.11", by: "far.43"))
                try await whatIsGoneIsMadeAgain(fleet, link: link, made: made)

                try fleet.edit("fleet.yaml", "id: 42", "id: 43")
                let changed = try await fleet.apply()
                try #require(changed.status == 0 && changed.lastLine == "No changes.", "\(changed)")
                #expect(try await vm.pings("far", "10.60.0.11", by: "far.43"))
                #expect(try await !vm.pings("far", "10.60.0.11", by: "far.42"))
                try await whatIsInTheWayStays(fleet)

                try fleet.edit("fleet.yaml", vlan.replacing("42", with: "43"), "")
                let parted = try await fleet.apply()
                try #require(parted.status == 0 && parted.lastLine == "No changes.", "\(parted)")
                #expect(try await vm.sh(#"ip link show "$1" 2>&1 || true"#, link).contains("does not exist"))
                #expect(try await vm.sh("find /etc/systemd -name '*infra-*iq*'") == "")
                #expect(try await vm.sh(Self.described) == wire)
            }
            try await vm.sh("ip link del wire; ip netns del far")
        }

        private func whatIsGoneIsMadeAgain(_ fleet: RackFleet, link: String, made: String) async throws {
            for harm in [#"ip link del "$1""#, #"ip link set "$1" nomaster"#, #"ip link set "$1" mtu 1400"#] {
                try await vm.sh(harm, link)
                let status = try await fleet.infra("status")
                #expect(status.status == 1 && status.output.contains("drift: Network/net on vm-1"), "\(status)")
                let mended = try await fleet.apply()
                try #require(mended.status == 0 && mended.lastLine == "No changes.", "\(mended)")
                #expect(try await vm.sh(Self.look, link) == made)
            }
            #expect(try await vm.pings("far", "10.60.0.11", by: "far.42"))
        }

        /// Somebody's VLAN, an interface that is not there, and one that is too narrow are told, and nothing is done.
        private func whatIsInTheWayStays(_ fleet: RackFleet) async throws {
            let links = "ip -d -j link | jq -c '[.[] | [.ifname, .link, .master, .ifalias, .mtu]] | sort'"
            try await vm.sh("ip link add link wire name wire.44 type vlan id 44")
            let before = try await vm.sh(links)
            for (old, new, told) in [
                ("id: 43", "id: 44", "VLAN 44 on wire is taken by link wire.44, not ours"),
                ("interface: wire, id: 44", "interface: wire9, id: 43", "there is no interface wire9 on vm-1"),
            ] {
                try fleet.edit("fleet.yaml", old, new)
                let blocked = try await fleet.apply()
                #expect(blocked.status == 1 && blocked.output.contains(told), "\(blocked)")
                #expect(try await vm.sh(links) == before)
            }
            try fleet.edit("fleet.yaml", "interface: wire9", "interface: wire")
            try await vm.sh("ip link del wire.44")
        }

        /// A wire whose far end, in a namespace of its own, has two VLANs.
        private static let wire = """
            ip netns add far
            ip link add name wire type veth peer name far netns far
            ip link set wire up
            ip -n far link set far up
            for id in 42 43; do
                ip -n far link add link far name far.$id type vlan id $id
                ip -n far address add 10.60.0.2$id/24 dev far.$id
                ip -n far link set far.$id up
            done
            """

        /// What is to stay as it is of the wire.
        private static let described = """
            ip -d -j link show dev wire | jq -c '.[0] | [.ifindex, .mtu, .address, .master, .ifalias, .promiscuity]'
            """

        private static let look = #"""
            ip -d -j link show dev "$1" |
                jq -c '.[0] | [.link, .ifalias, .master, .mtu, (.linkinfo | .info_kind, .info_data.protocol, .info_data.id)]'
            """#
    }
}
