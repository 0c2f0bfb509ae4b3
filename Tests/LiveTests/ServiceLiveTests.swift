import Foundation
import Model
import Testing

extension LiveTests {
    /// DHCP and DNS of networks, as guests see them. Ends of veth pairs stand for guests: a lease is about an Ethernet
    /// address.
    @Suite struct ServiceLiveTests {
        @Test func guestsGetTheirAddressesAndNames() async throws {
            try await withServices("lease") { fleet in
                let told = "router 10.77.0.1 dns 10.77.0.1 mtu 1450 lease 86400 from 10.77.0.1"
                #expect(try await fleet.ask("a") == "10.77.0.11/24 \(told)")
                #expect(try await fleet.ask("b") == "10.77.0.12/24 \(told)")
                #expect(try await fleet.resolve("a", "10.77.0.11", "lease-b") == "10.77.0.12")
                #expect(try await fleet.resolve("a", "10.77.0.11", "lease-a") == "10.77.0.11")
                #expect(try await fleet.resolve("a", "10.77.0.11", "lease-c") == "")
                // A tenant with equal addresses has its own.
                #expect(try await fleet.ask("c") == "10.77.0.11/24 \(told)")
                #expect(try await fleet.resolve("c", "10.77.0.11", "lease-c") == "10.77.0.11")
                #expect(try await fleet.resolve("c", "10.77.0.11", "lease-b") == "")
                // Who is no guest of the network gets nothing.
                try await sh(LeaseClient.make, "end-x", "endx", "52:00:00:00:00:99", fleet.identity.bridgeName("net"))
                #expect(try await fleet.ask("x") == "none")
                try await sh("ip netns del end-x")
            }
        }

        @Test func aGuestThatAnswersItselfIsNotHeard() async throws {
            try await withServices("rogue") { fleet in
                try await sh(
                    #"""
                    ip -n end-b addr add 10.77.0.12/24 dev eth0
                    nsenter --net=/run/netns/end-b -- dnsmasq --conf-file=/dev/null --port=0 --interface=eth0 \
                        --bind-interfaces --dhcp-authoritative --dhcp-range=10.77.0.100,10.77.0.110,1h \
                        --no-ping --dhcp-leasefile=/run/rogue.leases --pid-file=/run/rogue.pid
                    """#)
                #expect(try await fleet.ask("a").hasPrefix("10.77.0.11/24 router 10.77.0.1 "))
                // It is heard by nobody even where it is the only one.
                try await sh(#"kill "$(cat "/var/lib/infra-dhcp/$1/pid")""#, fleet.namespace)
                #expect(try await fleet.ask("a") == "none")
                try fleet.edit("rogue-b.yaml", "address: 10.77.0.12", "address: 10.77.0.12, spoofProtection: false")
                #expect(try await fleet.apply("--target", "VirtualMachine/rogue-b").status == 0)
                try await sh(#"kill "$(cat "/var/lib/infra-dhcp/$1/pid")""#, fleet.namespace)
                #expect(try await fleet.ask("a").hasPrefix("10.77.0.10"), "without protection it is")
                try await sh(#"kill "$(cat /run/rogue.pid)"; rm -f /run/rogue.*"#)
            }
        }

        @Test func whateverGoesIsMended() async throws {
            try await withServices("drift") { fleet in
                for (harm, what) in [
                    (#"kill "$(cat "/var/lib/infra-dhcp/$1/pid")""#, "serving is false"),
                    (#"sed -i s/10.77.0.11/10.77.0.13/ "/var/lib/infra-dhcp/$1/leases""#, "serving is false"),
                    (#"sed -i s/router.*/router,10.77.0.9/ "/var/lib/infra-dhcp/$1/dnsmasq.conf""#, "options is"),
                    (#"echo 10.77.0.12 github.com >>"/var/lib/infra-dhcp/$1/names""#, "serving is false"),
                    (#"ip -n "$1" addr add 10.77.0.2/24 dev eth0"#, "addresses is"),
                    (#"ip -n "$1" link set eth0 down"#, "up is false"),
                    (#"ip link set "$2" type bridge_slave isolated off"#, "isolated is false"),
                    (#"ip link set "$3" type bridge_slave isolated off"#, "isolated is false"),
                    (#"ip link set "$2" nomaster"#, "bridge is nothing"),
                    (#"ip link del "$2""#, "link is nothing"),
                    (#"ip netns del "$1""#, "namespace is nothing"),
                    (#"rm -r "/var/lib/infra-dhcp/$1""#, "serving is false"),
                ] {
                    try await sh(
                        harm, fleet.namespace, fleet.identity.serviceLinkName("net"), fleet.identity.tunnelName("net"))
                    let status = try await fleet.infra("status")
                    #expect(
                        status.status == 1 && status.output.contains("drift: Network/net")
                            && status.output.contains(what), "\(harm)\n\(status)")
                    let mended = try await fleet.apply()
                    #expect(mended.status == 0 && mended.lastLine == "No changes.", "\(harm)\n\(mended)")
                    #expect(try await fleet.ask("a").hasPrefix("10.77.0.11/24 router 10.77.0.1 "), "\(harm)")
                    #expect(try await fleet.processes() == 2, "\(harm)")
                }
            }
        }

        @Test func leasesFollowTheManifests() async throws {
            try await withServices("change") { fleet in
                let pid = #"cat "/var/lib/infra-dhcp/$1/pid""#
                let before = try await sh(pid, fleet.namespace)
                // One more lease: dnsmasq goes on.
                try fleet.writeMachine("change-d", address: 14, "power: stopped")
                let plan = try await fleet.infra("plan", "--allow", "none")
                #expect(plan.output.contains("leases[change-d]"), "\(plan)")
                #expect(try await fleet.apply().lastLine == "No changes.")
                #expect(try await sh(pid, fleet.namespace) == before)
                #expect(try await fleet.resolve("a", "10.77.0.11", "change-d") == "10.77.0.14")
                // Two guests take each other's address while both have theirs.
                _ = try await (fleet.ask("a"), fleet.ask("b"))
                try fleet.edit("change-a.yaml", "address: 10.77.0.11", "address: 10.77.0.12")
                try fleet.edit("change-b.yaml", "address: 10.77.0.12", "address: 10.77.0.11")
                #expect(try await fleet.apply().lastLine == "No changes.")
                #expect(try await fleet.ask("a").hasPrefix("10.77.0.12/24"))
                #expect(try await fleet.ask("b").hasPrefix("10.77.0.11/24"))
                #expect(try await fleet.resolve("a", "10.77.0.12", "change-b") == "10.77.0.11")
                // What guests are told beside.
                try fleet.edit("fleet.yaml", "dhcp: true, dns: []", "dhcp: true, dns: [192.0.2.53]")
                #expect(try await fleet.apply().lastLine == "No changes.")
                #expect(try await fleet.ask("a").contains("dns 10.77.0.1 192.0.2.53"))
            }
        }

        @Test func nothingIsLeftAndStrangersStay() async throws {
            try await withServices("gone") { fleet in
                try await sh(
                    #"""
                    ip netns add other
                    ip -n other link set lo up
                    nsenter --net=/run/netns/other -- dnsmasq --conf-file=/dev/null --interface=lo --bind-interfaces \
                        --no-resolv --pid-file=/run/other.pid
                    """#)
                let others = #"ip -n other -o addr show; ps -o pid=,lstart=,args= -p "$(cat /run/other.pid)""#
                let before = try await sh(others)
                // The network stays, its DHCP goes.
                try fleet.edit("fleet.yaml", "dhcp: true, dns: []", "dhcp: false, dns: []")
                let ended = try await fleet.apply()
                #expect(ended.lastLine == "No changes.", "\(ended)")
                let left =
                    #"ip netns list | grep -c "^in" || true; ls -d /var/lib/infra-dhcp 2>/dev/null || true; ip -br link | grep -c "^is" || true"#
                #expect(try await sh(left) == "0\n0")
                #expect(try await fleet.processes() == 0)
                // And a network with it goes whole.
                try fleet.edit("fleet.yaml", "dhcp: false, dns: []", "dhcp: true, dns: []")
                #expect(try await fleet.apply().lastLine == "No changes.")
                #expect(try await fleet.processes() == 2)
                try await fleet.removeEnds()
                #expect(try await fleet.destroy("--allow", "stop").status == 0)
                #expect(try await fleet.processes() == 0)
                #expect(try await sh(left) == "0\n0")
                #expect(try await sh(others) == before)
                try await sh(#"kill "$(cat /run/other.pid)"; rm -f /run/other.pid; ip netns del other"#)
            }
        }

        @Test func aNamespaceOfThatNameIsNotTaken() async throws {
            try await withFleet("taken") { fleet in
                try fleet.writeServices()
                try await sh(#"ip netns add "$1"; ip -n "$1" link set lo up"#, fleet.namespace)
                let apply = try await fleet.apply()
                #expect(apply.status == 1 && apply.output.contains("is there and not ours"), "\(apply)")
                #expect(try await sh(#"ip -n "$1" -br link | wc -l"#, fleet.namespace) == "1")
                try await sh(#"ip netns del "$1""#, fleet.namespace)
                #expect(try await fleet.apply().lastLine == "No changes.")
            }
        }

        /// A fleet with two networks of equal subnets, machines that are off, and clients in their place.
        private func withServices(_ name: String, _ body: (TestFleet) async throws -> Void) async throws {
            try await withFleet(name) { fleet in
                try fleet.writeServices()
                for (index, machine) in ["a", "b"].enumerated() {
                    try fleet.writeMachine("\(name)-\(machine)", address: 11 + index, "power: stopped")
                }
                try fleet.writeMachine("\(name)-c", address: 11, network: "other", "power: stopped")
                let apply = try await fleet.apply()
                guard apply.status == 0, apply.lastLine == "No changes." else { throw Failure("\(apply)") }
                do {
                    try await fleet.makeEnds()
                    try await body(fleet)
                } catch {
                    try? await fleet.removeEnds()
                    throw error
                }
                try await fleet.removeEnds()
            }
        }
    }
}

extension TestFleet {
    fileprivate var namespace: String { identity.serviceName("net") }

    /// The base, with DHCP on its network and on another one like it.
    fileprivate func writeServices() throws {
        try writeBase(vni: 7720)
        try edit(
            "fleet.yaml", "subnet: {cidr: 10.77.0.0/24}",
            """
            subnet: {cidr: 10.77.0.0/24, gateway: 10.77.0.1, dhcp: true, dns: []}
            ---
            apiVersion: infra/v1
            kind: Network
            metadata: {name: other}
            spec:
              bridge: {mtu: 1450}
              hosts: [\(Self.host)]
              subnet: {cidr: 10.77.0.0/24, gateway: 10.77.0.1, dhcp: true, dns: []}
            """)
        try edit(
            "fleet.yaml", "vxlan: {vni: 7720, peers: []}", "vxlan: {vni: 7720, peers: []}\n  hosts: [\(Self.host)]")
    }

    fileprivate func makeEnds() async throws {
        for (end, network) in [("a", "net"), ("b", "net"), ("c", "other")] {
            let machine = "\(name)-\(end)"
            let uuid = identity.uuid(ResourceID(.virtualMachine, machine))
            try await sh(
                LeaseClient.make, "end-\(end)", identity.deviceName(machine: machine, interface: "eth0"),
                identity.macAddress(machine: uuid, interface: "eth0").description, identity.bridgeName(network))
        }
    }

    fileprivate func removeEnds() async throws {
        try await sh("for end in a b c x; do ip netns del end-$end 2>/dev/null || true; done")
    }

    fileprivate func ask(_ end: String) async throws -> String { try await sh(LeaseClient.ask, "end-\(end)") }

    fileprivate func resolve(_ end: String, _ address: String, _ name: String) async throws -> String {
        try await sh(LeaseClient.resolve, "end-\(end)", address, name, "10.77.0.1")
    }

    /// How many processes answer for fleets.
    fileprivate func processes() async throws -> Int {
        Int(try await sh("ps -eo args | grep -c '^dnsmasq --conf-file=/var/lib/infra-dhcp/' || true")) ?? -1
    }
}
