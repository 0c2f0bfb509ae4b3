import Foundation
import Model
import TestSupport
import Testing

extension LiveTests {
    /// What the kernel lets through. Ends of veth pairs stand for the links of guests: rules are about links by name.
    @Suite struct FirewallLiveTests {
        private static let frames = Lab.repository.appending(path: "Tests/Lab/frames").path

        @Test func whatAGuestHasNoRightToSendDoesNotPass() async throws {
            try await withEnds("spoof", ["a", "b"]) { fleet, ends in
                let right = "right-arp right-dhcp-client right-ipv4 right-link-local"
                #expect(try await ends.spoof("a", "b") == right)
                // The same frames do pass where nothing holds them, so it is the rules that do.
                try fleet.edit("spoof-a.yaml", "address: 10.77.0.11", "address: 10.77.0.11, spoofProtection: false")
                #expect(try await fleet.apply().lastLine == "No changes.")
                #expect(
                    try await ends.spoof("a", "b")
                        == "arp-address arp-hardware dhcp-server ipv4 ipv6 mac neighbour other-protocol \(right) "
                        + "router-advert tagged")
            }
        }

        @Test func groupsSayWhatComesIn() async throws {
            try await withEnds("groups", ["a", "b", "c"]) { fleet, ends in
                try fleet.edit(
                    "fleet.yaml", "subnet: {cidr: 10.77.0.0/24}",
                    """
                    subnet: {cidr: 10.77.0.0/24}
                      securityGroups:
                        - {name: app, stateful: false}
                        - name: store
                          stateful: false
                          ingress:
                            - {protocol: udp, port: 9001, group: app}
                            - {protocol: udp, port: 9003, endPort: 9005, cidr: 10.77.0.12/31}
                    """)
                try fleet.edit("groups-a.yaml", "address: 10.77.0.11", "address: 10.77.0.11, securityGroups: [app]")
                try fleet.edit("groups-b.yaml", "address: 10.77.0.12", "address: 10.77.0.12, securityGroups: [store]")
                #expect(try await fleet.apply().lastLine == "No changes.")
                #expect(try await ends.udp("a", "b", 9000, 9001, 9002, 9003) == "9001")
                #expect(try await ends.udp("c", "b", 9001, 9002, 9003, 9004, 9005, 9006) == "9003 9004 9005")
                // A group without rules receives nothing; who is in no group, everything.
                #expect(try await ends.udp("c", "a", 9001, 9003) == "")
                #expect(try await ends.udp("a", "c", 9001, 9003) == "9001 9003")
            }
        }

        @Test func aChangeOfRulesLosesNoFrame() async throws {
            try await withEnds("change", ["a", "b"]) { fleet, ends in
                try fleet.edit(
                    "fleet.yaml", "subnet: {cidr: 10.77.0.0/24}",
                    """
                    subnet: {cidr: 10.77.0.0/24}
                      securityGroups:
                        - {name: in, stateful: false, ingress: [{protocol: udp, port: 9001}]}
                    """)
                try fleet.edit("change-b.yaml", "address: 10.77.0.12", "address: 10.77.0.12, securityGroups: [in]")
                #expect(try await fleet.apply().lastLine == "No changes.")
                #expect(try await ends.udp("a", "b", 9001, 9002) == "9001")
                try fleet.edit("fleet.yaml", "port: 9001}]", "port: 9001}, {protocol: udp, port: 9002}]")
                let plan = try await fleet.infra("plan")
                #expect(plan.output.contains("udp dport 9002 accept"), "\(plan)")
                let command = [Program.infra, "apply", "--yes", "--files", fleet.files, fleet.manifests]
                #expect(
                    try await ends.stream("a", "b", 9001, command) == "exit 0, thousands sent, 0 lost")
                #expect(try await ends.udp("a", "b", 9001, 9002) == "9001 9002")
                try fleet.edit("fleet.yaml", "{protocol: udp, port: 9001}, ", "")
                #expect(try await fleet.apply().lastLine == "No changes.")
                #expect(try await ends.udp("a", "b", 9001, 9002) == "9002")
            }
        }

        @Test func whatSomebodyChangedIsWrittenAgain() async throws {
            try await withEnds("tamper", ["a", "b"]) { fleet, ends in
                let table = fleet.identity.firewallName
                let link = fleet.identity.deviceName(machine: "tamper-a", interface: "eth0")
                for change in [
                    "flush chain bridge \(table) sender4", "add rule bridge \(table) sender accept",
                    "delete element bridge \(table) senders { \"\(link)\" }", "flush set bridge \(table) macs",
                    "add element bridge \(table) addresses4 { \"\(link)\" . 10.77.0.99 }",
                    "flush chain bridge \(table) guests_send", "add chain bridge \(table) more",
                    "add set bridge \(table) more { type ifname; }",
                    "add chain bridge \(table) guests_send { policy drop; }",
                ] {
                    try await sh("nft \"$1\"", change)
                    let status = try await fleet.infra("status")
                    #expect(status.status == 1 && status.output.contains("drift: Host/"), "\(change) \(status)")
                    #expect(try await fleet.apply().lastLine == "No changes.", "\(change)")
                    #expect(try await ends.spoof("a", "b").hasPrefix("right-arp"), "\(change)")
                }
                try await sh("nft delete table bridge \"$1\"", table)
                #expect(try await fleet.apply().lastLine == "No changes.")
                #expect(try await ends.spoof("a", "b").hasPrefix("right-arp"))
                // The table goes with the fleet, and with nothing else.
                try await sh("nft add table bridge other")
                try await ends.remove()
                #expect(try await fleet.destroy("--allow", "stop").status == 0)
                #expect(try await sh("nft list tables bridge") == "table bridge other")
                try await sh("nft delete table bridge other")
            }
        }

        /// Where the kernel lacks libvirt's queues, rules hold interfaces to their bandwidth.
        @Test func aBandwidthIsSeenOnTheWire() async throws {
            try await withEnds("rate", ["a", "b"]) { fleet, ends in
                let free = try await ends.rate("a", "b")
                #expect(free > 64e6, "\(free)")
                try fleet.edit(
                    "rate-a.yaml", "address: 10.77.0.11",
                    "address: 10.77.0.11, bandwidth: {outbound: {average: 16Mbit}}")
                try fleet.edit(
                    "rate-b.yaml", "address: 10.77.0.12",
                    "address: 10.77.0.12, bandwidth: {inbound: {average: 8Mbit, peak: 80Mbit, burst: 256KiB}}")
                let plan = try await fleet.infra("plan")
                let applied = try await fleet.apply()
                #expect(applied.lastLine == "No changes.", "\(applied)")
                guard plan.output.contains("limit rate over") else {
                    // libvirt does it, at links that it makes itself.
                    #expect(try await sh("virsh dumpxml rate-a").contains("<bandwidth>"))
                    return
                }
                #expect(try await sh("virsh dumpxml rate-a").contains("<bandwidth>") == false)
                let received = try await ends.rate("a", "b") / 8e6
                #expect((0.9...1.1).contains(received), "\(received)")
                try fleet.edit(
                    "rate-b.yaml", ", bandwidth: {inbound: {average: 8Mbit, peak: 80Mbit, burst: 256KiB}}", "")
                #expect(try await fleet.apply().lastLine == "No changes.")
                let sent = try await ends.rate("a", "b") / 16e6
                #expect((0.9...1.1).contains(sent), "\(sent)")
                // A rule that somebody took away is drift.
                let link = fleet.identity.deviceName(machine: "rate-a", interface: "eth0")
                try await sh(#"nft flush chain bridge "$1" "from_$2""#, fleet.identity.firewallName, link)
                #expect(try await fleet.infra("status").output.contains("drift: Host/"))
                #expect(try await fleet.apply().lastLine == "No changes.")
                let mended = try await ends.rate("a", "b") / 16e6
                #expect((0.9...1.1).contains(mended), "\(mended)")
            }
        }

        @Test func aStatefulGroupNeedsTheKernel() async throws {
            let tracks = try await sh(
                #"""
                rule='table bridge x {
                chain y {
                ct state new
                }
                }'
                if nft -c -f - <<<"$rule" 2>/dev/null; then echo yes; else echo no; fi
                """#)
            try await withFleet("state") { fleet in
                try fleet.writeBase(vni: 7713)
                try fleet.edit(
                    "fleet.yaml", "subnet: {cidr: 10.77.0.0/24}",
                    "subnet: {cidr: 10.77.0.0/24}\n  securityGroups: [{name: in}]")
                try fleet.writeMachine("state-a", address: 11)
                try fleet.edit("state-a.yaml", "address: 10.77.0.11", "address: 10.77.0.11, securityGroups: [in]")
                let apply = try await fleet.apply()
                if tracks == "yes" {
                    #expect(apply.lastLine == "No changes.", "\(apply)")
                } else {
                    // Said, and not run without it.
                    #expect(apply.status == 1 && apply.output.contains("does not track connections"), "\(apply)")
                    #expect(try await sh("virsh list --all --name") == "")
                    #expect(try await fleet.infra("status").output.contains("does not track connections"))
                }
            }
        }

        /// A fleet whose machines are off and whose links are ends of veth pairs; behind each is a namespace.
        private func withEnds(
            _ name: String, _ machines: [String], _ body: (TestFleet, Ends) async throws -> Void
        ) async throws {
            try await withFleet(name) { fleet in
                try fleet.writeBase(vni: 7712)
                for (index, machine) in machines.enumerated() {
                    try fleet.writeMachine("\(name)-\(machine)", address: 11 + index, "power: stopped")
                }
                let apply = try await fleet.apply()
                guard apply.status == 0 else { throw Failure("\(apply)") }
                let ends = Ends(fleet: fleet, name: name, machines: machines)
                do {
                    try await ends.make()
                    try await body(fleet, ends)
                } catch {
                    try? await ends.remove()
                    throw error
                }
                try await ends.remove()
            }
        }

        private struct Ends {
            let fleet: TestFleet
            let name: String
            let machines: [String]

            private func mac(_ machine: String) -> String {
                let uuid = fleet.identity.uuid(ResourceID(.virtualMachine, "\(name)-\(machine)"))
                return fleet.identity.macAddress(machine: uuid, interface: "eth0").description
            }

            private func address(_ machine: String) -> String {
                "10.77.0.\(11 + (machines.firstIndex(of: machine) ?? 0))"
            }

            func make() async throws {
                for machine in machines {
                    try await sh(
                        #"""
                        ip netns add "end-$1"
                        ip link add "$2" type veth peer name eth0 address "$3" netns "end-$1"
                        ip link set "$2" addrgenmode none master "$5" up
                        ip -n "end-$1" addr add "$4/24" dev eth0
                        ip -n "end-$1" link set eth0 up
                        """#, machine, fleet.identity.deviceName(machine: "\(name)-\(machine)", interface: "eth0"),
                        mac(machine), address(machine), fleet.identity.bridgeName("net"))
                }
            }

            func remove() async throws {
                for machine in machines { try await sh(#"ip netns del "end-$1" 2>/dev/null || true"#, machine) }
            }

            private func frames(_ what: String, _ from: String, _ to: String, _ rest: [String]) async throws -> String {
                let ended = try await Program.run(
                    FirewallLiveTests.frames,
                    [what, "end-\(from)", "end-\(to)", mac(from), address(from)] + rest, seconds: 300)
                guard ended.status == 0 else { throw Failure("\(ended)") }
                return ended.output.trimmingCharacters(in: .newlines)
            }

            func spoof(_ from: String, _ to: String) async throws -> String { try await frames("spoof", from, to, []) }

            func udp(_ from: String, _ to: String, _ ports: Int...) async throws -> String {
                try await frames("udp", from, to, ports.map(String.init))
            }

            /// Bits a second that arrive.
            func rate(_ from: String, _ to: String) async throws -> Double {
                Double(try await frames("rate", from, to, ["3"])) ?? 0
            }

            func stream(_ from: String, _ to: String, _ port: Int, _ command: [String]) async throws -> String {
                try await frames("stream", from, to, [String(port)] + command)
            }
        }
    }
}
