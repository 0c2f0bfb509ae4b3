import Foundation
import Hosts
import Model
import TestSupport
import Testing

@testable import Drivers

/// Real links of a lab host; what the driver did is read by `ip` and `bridge` as a person would.
@Suite(.enabled(if: Lab.isHere, "needs a lab host"), .serialized) struct NetworkLiveTests {
    let commands = CommandRunner()
    let identity = Identity(fleet: UUID())
    let driver: NetworkDriver
    let id = "net-\(UInt32.random(in: 0 ... .max))"

    init() { driver = NetworkDriver(commands: commands, host: "a", identity: identity) }

    private var bridge: String { identity.bridgeName(id) }
    private var tunnel: String { identity.tunnelName(id) }

    private func network(
        mtu: Int = 1450, vni: Int = 4242, port: Int = 4789, local: String = "192.0.2.11", flood: [String] = [],
        interface: String? = nil
    ) -> Network {
        Network(
            metadata: Metadata(name: id), spec: Network.Spec(vxlan: Network.VXLAN(vni: vni, port: port), mtu: mtu),
            status: Network.Status(
                host: "a", uuid: identity.uuid(ResourceID(.network, id)),
                bridge: Network.Bridge(name: bridge, mtu: mtu),
                tunnel: Network.Tunnel(
                    name: tunnel, vni: vni, port: port, local: IPAddress(local), interface: interface, mtu: mtu,
                    bridge: bridge, flood: flood.compactMap { IPAddress($0) }.sorted())))
    }

    private func sh(_ script: String) async throws -> String {
        try await commands.run("bash", ["-euc", script], accepting: [0, 1, 2, 255]).text
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func clean() async throws {
        _ = try await sh(
            "for l in \(bridge) \(tunnel) \(bridge)-s \(tunnel)-s tapx; do ip link del $l 2>&1 || true; done")
    }

    @Test func madeSetAndRemoved() async throws {
        let wanted = network(flood: ["192.0.2.12", "192.0.2.13"])
        try await driver.createBridge(wanted)
        try await driver.createTunnel(wanted)
        #expect(await driver.observe().networks.map(\.status) == [wanted.status])
        #expect(
            try await sh("ip -d link show \(bridge); ip -d link show \(tunnel); ip addr show \(bridge)")
                .matches(of: /stp_state 0|addrgenmode none|mtu 1450|master ib|id 4242 local 192.0.2.11/).count >= 8)
        #expect(try await sh("ip -o addr show dev \(bridge); ip -o addr show dev \(tunnel)") == "")
        #expect(
            try await sh("cat /sys/class/net/\(bridge)/ifalias") == "infra:\(identity.fleet.lowercased):Network/\(id)")
        #expect(
            try await sh("bridge fdb show dev \(tunnel) | grep 00:00:00:00:00:00 | sort")
                == "00:00:00:00:00:00 dst 192.0.2.12 self permanent\n00:00:00:00:00:00 dst 192.0.2.13 self permanent")
        // Again: nothing changes, not even the interfaces' numbers.
        let before = try await sh("ip -o link show | cut -d: -f1,2")
        try await driver.createBridge(wanted)
        try await driver.createTunnel(wanted)
        try await driver.updateTunnel(wanted)
        #expect(try await sh("ip -o link show | cut -d: -f1,2") == before)

        let changed = network(mtu: 1400, flood: ["192.0.2.13", "192.0.2.99"])
        _ = try await sh(
            "bridge fdb append 00:00:00:00:00:00 dev \(tunnel) dst 192.0.2.13 port 99; ip link set \(tunnel) down; ip link set \(tunnel) nomaster"
        )
        try await driver.updateBridge(changed)
        try await driver.updateTunnel(changed)
        #expect(await driver.observe().networks.map(\.status) == [changed.status])

        let replaced = network(mtu: 1400, vni: 4343, port: 8472, flood: ["192.0.2.13"], interface: "eth0")
        await #expect(throws: HostError.self) { try await driver.updateTunnel(replaced) }
        let index = try await sh("cat /sys/class/net/\(bridge)/ifindex")
        try await driver.replaceTunnel(replaced)
        #expect(await driver.observe().networks.map(\.status) == [replaced.status])
        #expect(try await sh("cat /sys/class/net/\(bridge)/ifindex") == index)

        try await driver.removeTunnel(replaced)
        try await driver.removeBridge(replaced)
        try await driver.removeTunnel(replaced)
        try await driver.removeBridge(replaced)
        #expect(try await sh("ip -o link show | grep -c '\(bridge)\\|\(tunnel)'") == "0")
    }

    @Test(arguments: [1500, 1450, 9000]) func theMTUIsPinned(mtu: Int) async throws {
        try await driver.createBridge(network(mtu: mtu))
        _ = try await sh("ip tuntap add tapx mode tap; ip link set tapx mtu 1280; ip link set tapx master \(bridge)")
        #expect(try await sh("cat /sys/class/net/\(bridge)/mtu") == "\(mtu)")
        // A tap is somebody's: the bridge stays.
        await #expect(throws: HostError.surprise("the bridge \(bridge) still has ports: tapx")) {
            try await driver.removeBridge(network(mtu: mtu))
        }
        try await clean()
    }

    @Test func foreignLinksStay() async throws {
        _ = try await sh(
            "ip link add \(bridge) type bridge; ip link add \(tunnel) type vxlan id 9 dstport 4789; ip link add \(bridge)-s type dummy 2>&1 || ip link add \(bridge)-s type bridge"
        )
        let before = try await sh("ip -d link show \(bridge); ip -d link show \(tunnel)")
        let wanted = network()
        for step in [
            driver.createBridge, driver.createTunnel, driver.updateBridge, driver.updateTunnel, driver.replaceTunnel,
            driver.removeTunnel, driver.removeBridge,
        ] as [(Network) async throws(HostError) -> Void] {
            await #expect(throws: HostError.self) { try await step(wanted) }
        }
        await #expect(throws: HostError.surprise("the link \(bridge)-s is there and not ours")) {
            try await driver.removeStaged(link: bridge + "-s")
        }
        #expect(try await sh("ip -d link show \(bridge); ip -d link show \(tunnel)") == before)
        let observation = await driver.observe()
        #expect(observation.networks.isEmpty)
        #expect(Set(observation.foreign.map(\.name)).isSuperset(of: [bridge, tunnel, bridge + "-s"]))
        try await clean()
    }

    @Test func whatACrashLeftIsTakenUp() async throws {
        let wanted = network(flood: ["192.0.2.12"])
        for (name, kind) in [(bridge, "bridge"), (tunnel, "vxlan id 4242 dstport 4789")] {
            let address = identity.linkAddress(host: "a", link: name)
            _ = try await sh("ip link add \(name)-s address \(address) type \(kind)")
        }
        let observation = await driver.observe()
        #expect(observation.staged == [bridge + "-s", tunnel + "-s"])
        #expect(!observation.foreign.contains { $0.vni == 4242 })
        try await driver.createBridge(wanted)
        // Named, and then no more: neither up nor on its bridge, no flood list.
        _ = try await sh(
            "ip link del \(tunnel)-s; ip link add \(tunnel) mtu 1450 type vxlan id 4242 dstport 4789 local 192.0.2.11; ip link set \(tunnel) alias infra:\(identity.fleet.lowercased):Network/\(id)"
        )
        try await driver.createTunnel(wanted)
        let after = await driver.observe()
        #expect(after.networks.map(\.status) == [wanted.status])
        #expect(after.staged.isEmpty)
        try await clean()
    }

    @Test func aTakenVNIIsTheKernelsRefusal() async throws {
        _ = try await sh("ip link add vxother type vxlan id 4242 dstport 4789")
        try await driver.createBridge(network())
        await #expect(throws: HostError.self) { try await driver.createTunnel(network()) }
        #expect(try await sh("ip -o link show | grep -c '\(tunnel)'") == "0")
        _ = try await sh("ip link del vxother")
        try await clean()
    }

    @Test func hostileValuesReachNoBatch() async throws {
        var evil = network()
        evil.metadata.name = "x\nlink del dev eth0"
        await #expect(throws: HostError.self) { try await driver.createBridge(evil) }
        await #expect(throws: HostError.self) {
            try await driver.createTunnel(network(interface: "eth0\nlink del dev eth0"))
        }
        await #expect(throws: HostError.self) { try await driver.removeStaged(link: "-s\nlink del dev eth0-s") }
        var other = network()
        other.status?.bridge?.name = "eth0"
        await #expect(throws: HostError.self) { try await driver.removeBridge(other) }
        #expect(try await sh("ip -o link show dev eth0 | wc -l") == "1")
    }

    /// Two bridges, each in a namespace of its own, joined by an underlay: what we make carries frames.
    @Test func anotherToolsTunnelIsReached() async throws {
        try await driver.createBridge(network(flood: ["192.0.2.200"]))
        try await driver.createTunnel(network(flood: ["192.0.2.200"]))
        // The peer answers at 192.0.2.200 on a veth of the same host's bridge-less underlay.
        let script = """
            unshare --net sleep 20 & peer=$!
            sleep 0.3
            ip link add vpeer type veth peer name vpeer0 netns $peer
            ip addr add 192.0.2.201/32 dev vpeer; ip link set vpeer up; ip route add 192.0.2.200/32 dev vpeer
            n() { nsenter --net=/proc/$peer/ns/net -- "$@"; }
            n ip addr add 192.0.2.200/32 dev vpeer0; n ip link set vpeer0 up; n ip route add 192.0.2.11/32 dev vpeer0
            n ip route add 192.0.2.201/32 dev vpeer0
            n ip link add vx type vxlan id 4242 dstport 4789 remote 192.0.2.11 local 192.0.2.200
            n ip addr add 10.99.0.2/24 dev vx; n ip link set vx up
            ip addr add 10.99.0.1/24 dev \(bridge)
            ping -c 2 -W 2 -q 10.99.0.2 | grep -o '2 received' || true
            kill $peer; wait $peer || true
            """
        #expect(try await sh(script).hasSuffix("2 received"))
        try await clean()
    }
}
