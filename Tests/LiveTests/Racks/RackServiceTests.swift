import Model
import Testing

extension RackTests {
    /// DHCP and DNS on every host that carries a network, each for its own guests.
    @Suite struct RackServiceTests {
        private let one = RackHost.all[0]
        private let two = RackHost.all[1]
        private let three = RackHost.all[2]

        @Test func everyHostAnswersItsOwnGuests() async throws {
            try await withRacks("leases") { fleet in
                try fleet.writeBase(networks: ["blue": 6011])
                try fleet.edit(
                    "fleet.yaml", "subnet: {cidr: 10.60.0.0/24}",
                    "hosts: [rack-3], subnet: {cidr: 10.60.0.0/24, gateway: 10.60.0.1, dhcp: true}")
                for host in RackHost.all { try fleet.writeHost(host) }
                for (machine, host, address, peer) in [("blue-1", one, 11, "blue-2"), ("blue-2", two, 12, "blue-1")] {
                    try fleet.writeMachine(machine, on: host, network: "blue", address: address)
                    try fleet.edit("\(machine).yaml", "cloudInit: {}", "cloudInit: {userData: {peers: [\(peer)]}}")
                }
                try fleet.writeMachine("blue-3", on: three, network: "blue", address: 13, power: "stopped")
                let applied = try await fleet.apply()
                #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")

                // Guests with a client: the address is theirs, the other's name is known, and it answers over the tunnel.
                try await one.tells(fleet, "blue-1", "blue-1 leased 10.60.0.11 from 10.60.0.1")
                try await two.tells(fleet, "blue-2", "blue-2 leased 10.60.0.12 from 10.60.0.1")
                try await one.tells(fleet, "blue-1", "blue-1 reaches blue-2")
                try await two.tells(fleet, "blue-2", "blue-2 reaches blue-1")

                // A guest of the third host has its address on any of them.
                let uuid = fleet.identity.uuid(ResourceID(.virtualMachine, "blue-3"))
                let mac = fleet.identity.macAddress(machine: uuid, interface: "eth0").description
                let bridge = fleet.identity.bridgeName("blue")
                let lease = "10.60.0.13/24 router 10.60.0.1 dns 10.60.0.1 mtu 1450 lease 86400 from 10.60.0.1"
                for host in RackHost.all {
                    try await host.sh(LeaseClient.make, "end", "end0", mac, bridge)
                    #expect(try await host.sh(LeaseClient.ask, "end") == lease, "\(host)")
                    if host != one { try await host.sh("ip netns del end") }
                }
                // Where nobody answers no other host does, although its guests are heard there.
                let stop = #"kill "$(cat "/var/lib/infra-dhcp/$1/pid")""#
                try await one.sh(stop, fleet.identity.serviceName("blue"))
                #expect(try await one.sh(LeaseClient.ask, "end") == "none")
                let status = try await fleet.infra("status")
                #expect(status.output.contains("drift: Network/blue on rack-1"), "\(status)")
                let mended = try await fleet.apply()
                #expect(mended.status == 0 && mended.lastLine == "No changes.", "\(mended)")
                #expect(try await one.sh(LeaseClient.ask, "end") == lease)
                try await one.sh("ip netns del end")
                // Nothing that a service sent came in by a tunnel.
                let server = fleet.identity.serviceAddress("blue").description
                for host in RackHost.all {
                    let seen = try await host.sh(
                        #"bridge fdb show br "$1" | grep "^$2 " | sed 's/.* dev \([^ ]*\) .*/\1/' | sort -u"#, bridge,
                        server)
                    #expect(seen == fleet.identity.serviceLinkName("blue"), "\(host)")
                }
                try await keepsItsLease(fleet, bridge: bridge, server: server)
                let gone = try await fleet.infra("destroy", "--yes", "--allow", "stop")
                #expect(gone.status == 0, "\(gone)")
                for host in RackHost.all {
                    #expect(try await host.sh("ip netns list | grep -c ^in || true; pidof dnsmasq || true") == "0")
                }
            }
        }

        /// A guest that moved as it runs asks again, and is answered by the host that it is on now.
        private func keepsItsLease(_ fleet: RackFleet, bridge: String, server: String) async throws {
            let leased = "blue-1 leased 10.60.0.11 from 10.60.0.1"
            try fleet.edit("blue-1.yaml", "host: rack-1", "host: rack-2")
            let moved = try await fleet.apply()
            #expect(moved.status == 0 && moved.lastLine == "No changes.", "\(moved)")
            // Where it was nobody answers any more, and where it is it has asked for nothing so far.
            #expect(try await one.sh("ip netns list | grep -c ^in || true; pidof dnsmasq || true") == "0")
            #expect(try await !two.told(fleet, "blue-1").contains { $0.contains("leased") })
            // First of the server that it knows (renewing), then of anybody, as after a loss.
            try await two.type("blue-1", "kill -USR1 $(pidof udhcpc)")
            try await two.tells(fleet, "blue-1", leased)
            let told = try await two.told(fleet, "blue-1").count { $0.hasSuffix(leased) }
            try await two.type("blue-1", "kill -USR2 $(pidof udhcpc); sleep 1; kill -USR1 $(pidof udhcpc)")
            try await two.tells(fleet, "blue-1", leased, times: told + 1)
            try await two.type(
                "blue-1", "nslookup blue-2 >/dev/null && ping -c 1 blue-2 >/dev/null && echo infra-guest: asked")
            try await two.tells(fleet, "blue-1", "asked")
        }
    }
}
