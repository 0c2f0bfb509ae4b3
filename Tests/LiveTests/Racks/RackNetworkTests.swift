import Model
import Testing

extension RackTests {
    /// Guests on different hosts share a network, and no other tenant does.
    @Suite struct RackNetworkTests {
        private let one = RackHost.all[0]
        private let two = RackHost.all[1]
        private let three = RackHost.all[2]

        /// Two tenants with equal addresses on three hosts, in one apply from nothing; every host's key is pinned.
        @Test func tenantsWithEqualAddressesMeetTheirOwn() async throws {
            try await withRacks("tenants") { fleet in
                try fleet.writeBase(networks: ["blue": 6001, "green": 6002])
                for host in RackHost.all { try fleet.writeHost(host, ssh: "hostKey: \"\(try host.hostKey)\"") }
                try fleet.writeMachine("blue-1", on: one, network: "blue", address: 11)
                try fleet.writeMachine("blue-2", on: two, network: "blue", address: 12)
                try fleet.writeMachine("green-1", on: two, network: "green", address: 11)
                try fleet.writeMachine("green-2", on: three, network: "green", address: 13)
                let applied = try await fleet.apply()
                #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
                #expect(try await fleet.apply().output == "No changes.\n")

                try await one.tells(fleet, "blue-1", "blue-1 reaches 10.60.0.12")
                try await two.tells(fleet, "green-1", "green-1 reaches 10.60.0.13")
                let (blue, green) = (fleet.identity.tunnelName("blue"), fleet.identity.tunnelName("green"))
                #expect(try await one.floods(blue) == [two.address])
                #expect(try await two.floods(blue) == [one.address])
                #expect(try await two.floods(green) == [three.address])
                // Each asked for all of its subnet for as long as it took to find its own.
                #expect(try await !one.told(fleet, "blue-1").contains { $0.contains("reaches 10.60.0.13") })
                #expect(try await !two.told(fleet, "green-1").contains { $0.contains("reaches 10.60.0.12") })

                // Another host carries blue, then no more: the others flood to it exactly as long.
                try fleet.writeMachine("blue-3", on: three, network: "blue", address: 14, power: "stopped")
                let grown = try await fleet.apply()
                #expect(grown.status == 0 && grown.lastLine == "No changes.", "\(grown)")
                #expect(try await one.floods(blue) == [two.address, three.address])
                #expect(try await three.floods(blue) == [one.address, two.address])
                try fleet.remove("blue-3.yaml")
                let shrunk = try await fleet.apply("--allow", "stop")
                #expect(shrunk.status == 0 && shrunk.lastLine == "No changes.", "\(shrunk)")
                #expect(try await one.floods(blue) == [two.address])
            }
        }

        /// ssh and tunnels by IPv6; the hosts' keys are those of known_hosts.
        @Test func theUnderlayMayBeIPv6() async throws {
            try await withRacks("six") { fleet in
                try fleet.writeBase(networks: ["net": 6003])
                for host in [one, two] { try fleet.writeHost(host, address: host.address6, underlay: host.address6) }
                try fleet.writeMachine("six-1", on: one, network: "net", address: 11)
                try fleet.writeMachine("six-2", on: two, network: "net", address: 12)
                let applied = try await fleet.apply()
                #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
                try await one.tells(fleet, "six-1", "six-1 reaches 10.60.0.12")
                #expect(try await one.floods(fleet.identity.tunnelName("net")) == [two.address6])
            }
        }
    }
}
