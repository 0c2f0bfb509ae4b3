import Model
import Testing

extension LiveTests {
    /// What leaves the host is VXLAN as others speak it, and a guest's network is mended under it.
    @Suite struct TunnelLiveTests {
        @Test func aForeignEndpointReachesAGuest() async throws {
            try await withEndpoint("tunnel", vni: 7702) { fleet in
                #expect(try await fleet.apply().status == 0)
                let console = GuestConsole("tunnel-a", of: fleet)
                try await console.tells("tunnel-a up 10.77.0.11")
                try await Endpoint.ping("10.77.0.11")
                // And the other way: the guest's own requests are answered.
                try await console.tells("tunnel-a reaches 10.77.0.99")

                // Not a peer any more: nothing is flooded to it.
                try fleet.edit("fleet.yaml", "[\(Endpoint.address)]", "[]")
                let flooded = #"bridge fdb show dev "$1" | grep -c "^00:00:00:00:00:00 dst" || true"#
                let tunnel = fleet.identity.tunnelName("net")
                #expect(try await sh(flooded, tunnel) == "1")
                #expect(try await fleet.apply().lastLine == "No changes.")
                #expect(try await sh(flooded, tunnel) == "0")
            }
        }

        @Test func aBridgeDeletedUnderAGuestIsMended() async throws {
            try await withEndpoint("bridge", vni: 7703) { fleet in
                #expect(try await fleet.apply().status == 0)
                try await GuestConsole("bridge-a", of: fleet).tells("bridge-a up 10.77.0.11")
                try await Endpoint.ping("10.77.0.11")
                let process = try await Virsh.process("bridge-a")
                try await sh(#"ip link del "$1""#, fleet.identity.bridgeName("net"))
                let status = try await fleet.infra("status")
                #expect(status.status == 1 && status.output.contains("drift: Network/net"), "\(status)")
                let mended = try await fleet.apply()
                #expect(mended.status == 0 && mended.lastLine == "No changes.", "\(mended)")
                try await Endpoint.ping("10.77.0.11")
                #expect(try await Virsh.process("bridge-a") == process)
            }
        }

        /// A fleet with one guest on a network that floods to an endpoint made with `ip` alone.
        private func withEndpoint(
            _ name: String, vni: Int, _ body: (TestFleet) async throws -> Void
        ) async throws {
            try await withFleet(name) { fleet in
                try fleet.writeBase(vni: vni, peers: "[\(Endpoint.address)]")
                try fleet.writeMachine("\(name)-a", address: 11)
                try await Endpoint.make(vni: vni)
                do {
                    try await body(fleet)
                } catch {
                    try? await Endpoint.remove()
                    throw error
                }
                try await Endpoint.remove()
            }
        }
    }
}

/// A second machine in the underlay, as far as VXLAN can tell: a network namespace of its own behind a pair of veth.
private enum Endpoint {
    /// Where its tunnel ends.
    static let address = "198.51.100.2"

    /// Makes it, with the address 10.77.0.99 inside the tunnel.
    static func make(vni: Int) async throws {
        try await sh(
            #"""
            ip netns add endpoint
            ip link add endpoint0 type veth peer name eth0 netns endpoint
            ip addr add 198.51.100.1/24 dev endpoint0
            ip link set endpoint0 up
            ip netns exec endpoint bash -euc '
                ip link set lo up
                ip addr add 198.51.100.2/24 dev eth0
                ip link set eth0 up
                ip route add 192.0.2.11 via 198.51.100.1
                ip link add vx mtu 1450 type vxlan id "$1" dstport 4789 local 198.51.100.2
                bridge fdb append 00:00:00:00:00:00 dev vx dst 192.0.2.11
                ip addr add 10.77.0.99/24 dev vx
                ip link set vx up
                echo 0 >/proc/sys/net/ipv4/icmp_echo_ignore_broadcasts' bash "$1"
            """#, String(vni))
    }

    static func remove() async throws { try await sh("ip link del endpoint0; ip netns del endpoint") }

    /// Pings until the first answer, a minute at most.
    static func ping(_ address: String) async throws {
        try await sh(
            #"""
            for ((tries = 0; tries < 30; tries++)); do
                if ip netns exec endpoint ping -c 1 -W 2 "$1" >/dev/null; then exit 0; fi
            done
            echo "no answer from $1"
            exit 1
            """#, address)
    }
}
