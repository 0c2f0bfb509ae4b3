import Foundation
import Hosts
import Model
import TestSupport
import Testing

@testable import Drivers

/// A network's DHCP and DNS on a real host, from every state that an interrupted run leaves.
@Suite(.enabled(if: Lab.isHere, "needs a lab host"), .serialized) struct ServiceDriverLiveTests {
    let commands = CommandRunner()
    let identity = Identity(fleet: UUID())
    let driver: NetworkDriver
    let id = "net-\(UInt32.random(in: 0 ... .max))"

    init() { driver = NetworkDriver(commands: commands, host: "a", identity: identity) }

    private var name: String { identity.serviceName(id) }
    private var link: String { identity.serviceLinkName(id) }
    private var mark: String { identity.linkAlias(ResourceID(.network, id)) }

    private var network: Network {
        let bridge = identity.bridgeName(id)
        let lease = IPAddress("10.20.0.11").map {
            Network.Service.Lease(name: "web-1", mac: MACAddress(value: 0x5200_0000_0001), address: $0)
        }
        return Network(
            metadata: Metadata(name: id), spec: Network.Spec(mtu: 1450),
            status: Network.Status(
                host: "a", uuid: identity.uuid(ResourceID(.network, id)),
                bridge: Network.Bridge(name: bridge, mtu: 1450),
                service: Network.Service(
                    name: name, link: link, bridge: bridge, mtu: 1450, mac: identity.serviceAddress(id), isUp: true,
                    isIsolated: true, addresses: ["10.20.0.1/24"],
                    options: ["dhcp-range=10.20.0.0,static,255.255.255.0,24h"], leases: [lease].compactMap(\.self),
                    isServing: true)))
    }

    private func sh(_ script: String) async throws -> String {
        try await commands.run("bash", ["-uc", script], accepting: [0, 1, 2, 255]).text
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func clean() async throws {
        try await driver.removeService(network)
        try await driver.removeBridge(network)
        #expect(await !driver.observe().networks.contains { $0.metadata.identity == id })
        #expect(
            try await sh("ls -d /run/netns/\(name) /var/lib/infra-dhcp/\(name) /sys/class/net/\(link)* 2>/dev/null")
                == "")
    }

    @Test func madeFromEveryStateOfAnInterruptedRun() async throws {
        try await driver.createBridge(network)
        let folder = "/var/lib/infra-dhcp/\(name)"
        let files = "mkdir -p \(folder); printf '# \(mark)\\n' >\(folder)/dnsmasq.conf"
        let pair =
            "ip link add \(link)-s address \(identity.linkAddress(host: "a", link: link)) type veth peer name eth0"
            + " netns \(name)"
        for state in [
            "true", files, "\(files); ip netns add \(name)",
            "\(files); ip netns add \(name); ip -n \(name) link set lo alias \(mark)",
            "\(files); ip netns add \(name); ip -n \(name) link set lo up alias \(mark); \(pair)",
            "\(files); ip netns add \(name); ip -n \(name) link set lo up alias \(mark); \(pair); "
                + "ip link set \(link)-s alias \(mark) name \(link)",
        ] {
            _ = try await sh(state)
            let seen = await driver.observe()
            #expect(seen.unknown.isEmpty, "\(state)")
            try await driver.writeService(network)
            let after = await driver.observe().networks.first { $0.metadata.identity == id }
            #expect(after?.status == network.status, "\(state)")
            // Again: nothing changes, and the same dnsmasq goes on.
            let pid = try await sh("cat \(folder)/pid")
            try await driver.writeService(network)
            #expect(try await sh("cat \(folder)/pid") == pid)
            // It holds no descriptor of whoever started it, the lock's least of all.
            #expect(try await sh("ls -l /proc/\(pid)/fd | grep -c /run/lock") == "0")
            try await driver.removeService(network)
        }
        try await clean()
    }

    @Test func aProcessOfAnotherIsNotStopped() async throws {
        try await driver.createBridge(network)
        try await driver.writeService(network)
        let folder = "/var/lib/infra-dhcp/\(name)"
        // The pid file tells of a stranger, who has the words of ours but not its program.
        let other = try await sh(
            "setsid bash -c 'exec -a dnsmasq sleep 300' --conf-file=\(folder)/dnsmasq.conf >/dev/null 2>&1 & echo $!")
        _ = try await sh("echo \(other) >\(folder)/pid")
        #expect(
            await driver.observe().networks.first { $0.metadata.identity == id }?.status?.service?.isServing == false)
        try await driver.writeService(network)
        #expect(await driver.observe().networks.first { $0.metadata.identity == id }?.status == network.status)
        try await clean()
        #expect(try await sh("kill -0 \(other) && echo alive; kill \(other)") == "alive")
    }

    @Test func hostileValuesReachNoFile() async throws {
        try await driver.createBridge(network)
        for harm in [
            { $0.options = ["dhcp-script=/bin/true"] }, { $0.options = ["dhcp-option=3\ndhcp-script=/bin/true"] },
            { $0.leases[0].name = "a\n10.20.0.1 github.com" }, { $0.name = "../x" },
            { $0.addresses = ["10.20.0.1/24\nx"] },
        ] as [(inout Network.Service) -> Void] {
            var evil = network
            var service = try #require(evil.status?.service)
            harm(&service)
            evil.status?.service = service
            await #expect(throws: HostError.self) { try await driver.writeService(evil) }
        }
        #expect(try await sh("ls /var/lib/infra-dhcp /run/netns 2>/dev/null | grep \(name)") == "")
        try await clean()
    }
}
