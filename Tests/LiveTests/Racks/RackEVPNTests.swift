import Foundation
import Model
import Testing

extension RackTests {
    /// Guests on different hosts find each other by what FRR tells.
    @Suite struct RackEVPNTests {
        private let one = RackHost.all[0]
        private let two = RackHost.all[1]
        private let three = RackHost.all[2]

        /// EVPN from nothing beside a stranger's router, with a host more and a host less, changed by somebody, back to
        /// static flooding.
        @Test func guestsMeetByEVPN() async throws {
            try await withRouting("evpn", vni: 6040) { fleet in
                let stranger = """
                    ! the operator's own
                    router bgp 65000
                     neighbor 192.0.2.1 remote-as 65077
                    exit
                    ip route 10.9.0.0/16 192.0.2.1
                    """
                try await one.sh(#"printf '%s\n' "$1" >/etc/frr/frr.conf; vtysh -f /etc/frr/frr.conf"#, stranger)
                let running = try await one.configuration()
                for host in RackHost.all { try fleet.writeHost(host) }
                try fleet.writeMachine("evpn-1", on: one, network: "net", address: 11)
                try fleet.writeMachine("evpn-2", on: two, network: "net", address: 12)
                let applied = try await fleet.apply()
                #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
                try await one.tells(fleet, "evpn-1", "evpn-1 reaches 10.60.0.12")
                try await two.tells(fleet, "evpn-2", "evpn-2 reaches 10.60.0.11")
                let tunnel = fleet.identity.tunnelName("net")
                #expect(try await one.floods(tunnel) == [two.address])
                #expect(try await one.ends(vni: 6040) == [two.address])
                #expect(
                    try await one.sh(
                        #"""
                        ip -d -j link show dev "$1" | jq -c '.[0].linkinfo | [.info_data.learning,
                            .info_slave_data.learning, .info_slave_data.neigh_suppress]'
                        """#, tunnel) == "[false,false,true]")
                // What runs and what is in the file say the same to FRR's own comparison.
                let differences = try await one.sh("/usr/lib/frr/frr-reload.py --test /etc/frr/frr.conf 2>&1")
                #expect(!differences.contains(fleet.identity.peerGroup), "\(differences)")
                let status = try await fleet.infra("status")
                #expect(!status.output.contains("underlay-mtu"), "\(status)")
                #expect(status.output.contains("EVPN: AS 65000, neighbours \(two.address)"), "\(status)")

                // Another host carries it, then no more.
                try fleet.writeMachine("evpn-3", on: three, network: "net", address: 13, power: "stopped")
                #expect(try await fleet.apply().lastLine == "No changes.")
                try await one.waitForEnds(vni: 6040, [two.address, three.address])
                #expect(try await one.floods(tunnel) == [two.address, three.address])
                try fleet.remove("evpn-3.yaml")
                #expect(try await fleet.apply("--allow", "stop").lastLine == "No changes.")
                try await one.waitForEnds(vni: 6040, [two.address])
                #expect(try await one.floods(tunnel) == [two.address])
                #expect(try await three.configuration().contains("router bgp") == false)
                #expect(try await three.sh("grep -c infra /etc/frr/frr.conf || true") == "0")

                try await mend(fleet)
                try await toStatic(fleet, stranger, running)
            }
        }

        /// What somebody changes is drift, and goes back.
        private func mend(_ fleet: RackFleet) async throws {
            let tunnel = fleet.identity.tunnelName("net")
            let router = "vtysh -c 'conf t' -c 'router bgp 65000'"
            let group = fleet.identity.peerGroup
            for change in [
                """
                \(router) -c 'no neighbor \(two.address) peer-group \(group)' -c 'neighbor \(group) timers 3 9'
                \(router) -c 'address-family l2vpn evpn' -c 'no advertise-all-vni'
                """,
                "bridge link set dev \(tunnel) neigh_suppress off learning on",
                "sed -i '/peer-group/d' /etc/frr/frr.conf",
            ] {
                try await one.sh(change)
                let status = try await fleet.infra("status")
                #expect(status.status == 1 && status.output.contains("drift: "), "\(change) \(status)")
                let mended = try await fleet.apply()
                #expect(mended.status == 0 && mended.lastLine == "No changes.", "\(change) \(mended)")
            }
            try await one.waitForEnds(vni: 6040, [two.address])
        }

        /// Static flooding and back, under guests that run on; then FRR is as the operator left it.
        private func toStatic(_ fleet: RackFleet, _ stranger: String, _ running: String) async throws {
            let tunnel = fleet.identity.tunnelName("net")
            let process = try await one.guest("evpn-1")
            let base = try String(contentsOfFile: "\(fleet.manifests)/fleet.yaml", encoding: .utf8)
            try fleet.write("fleet.yaml", base.replacing("flooding: evpn", with: "flooding: static"))
            let plan = try await fleet.infra("plan")
            #expect(plan.output.contains("spec.vxlan.flooding"), "\(plan)")
            try fleet.write("fleet.yaml", base.replacing("flooding: evpn", with: "flooding: evpn, mtu: 1451"))
            let wide = try await fleet.infra("plan")
            #expect(wide.output.contains("do not fit the underlay of rack-1, whose MTU is 1500"), "\(wide)")
            try fleet.write("fleet.yaml", base.replacing("flooding: evpn", with: "flooding: static"))
            let applied = try await fleet.apply()
            #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
            #expect(try await one.floods(tunnel) == [two.address])
            #expect(try await one.configuration() == running)
            #expect(try await one.sh("cat /etc/frr/frr.conf") == stranger)
            try await one.reaches("evpn-1", "10.60.0.12", fleet)
            // Back, with another VNI at once.
            try fleet.write("fleet.yaml", base.replacing("vni: 6040", with: "vni: 6041"))
            #expect(try await fleet.apply().lastLine == "No changes.")
            try await one.waitForEnds(vni: 6041, [two.address])
            try await one.reaches("evpn-1", "10.60.0.12", fleet)
            #expect(try await one.guest("evpn-1") == process)
        }

        /// With static flooding another VNI reconnects guests, which do not notice but for the pause.
        @Test func anotherVNIRestartsNobody() async throws {
            try await withRacks("vni") { fleet in
                try fleet.writeBase(networks: ["net": 6050])
                for host in [one, two] { try fleet.writeHost(host) }
                try fleet.writeMachine("vni-1", on: one, network: "net", address: 11)
                try fleet.writeMachine("vni-2", on: two, network: "net", address: 12)
                #expect(try await fleet.apply().lastLine == "No changes.")
                try await one.tells(fleet, "vni-1", "vni-1 reaches 10.60.0.12")
                let before = [try await one.guest("vni-1"), try await two.guest("vni-2")]
                try fleet.writeBase(networks: ["net": 6051])
                let applied = try await fleet.apply()
                #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
                try await one.reaches("vni-1", "10.60.0.12", fleet)
                #expect(try await [one.guest("vni-1"), two.guest("vni-2")] == before)
                #expect(try await one.sh("ip -d link show | grep -c 'vxlan id 6051'") == "1")
            }
        }

        /// A router of another system, and FRR that does not run, are told; nothing is done there.
        @Test func aRouterOfAnotherSystemIsInTheWay() async throws {
            try await withRouting("as", vni: 6042) { fleet in
                try await one.sh("vtysh -c 'conf t' -c 'router bgp 65009' -c 'bgp router-id 1.1.1.1'")
                let running = try await one.configuration()
                for host in [one, two] { try fleet.writeHost(host) }
                try await two.stopRouting()
                try fleet.writeMachine("as-1", on: one, network: "net", address: 11, power: "stopped")
                try fleet.writeMachine("as-2", on: two, network: "net", address: 12, power: "stopped")
                let applied = try await fleet.apply()
                #expect(applied.status == 1, "\(applied)")
                #expect(applied.output.contains("is AS 65009 and not ours; the fleet's EVPN is AS 65000"), "\(applied)")
                #expect(applied.output.contains("what FRR says could not be observed"), "\(applied)")
                #expect(try await one.configuration() == running)
                #expect(try await one.all().isEmpty)
            }
        }

        /// A fleet whose network is carried by EVPN, on hosts where FRR runs with nothing to do.
        private func withRouting(
            _ name: String, vni: Int, _ body: (RackFleet) async throws -> Void
        ) async throws {
            for host in RackHost.all { try await host.startRouting() }
            do {
                try await withRacks(name) { fleet in
                    try fleet.writeBase(networks: ["net": vni], spec: "evpn: {asn: 65000}")
                    try fleet.edit("fleet.yaml", "vni: \(vni)", "vni: \(vni), flooding: evpn")
                    try await body(fleet)
                }
            } catch {
                for host in RackHost.all { try? await host.stopRouting() }
                throw error
            }
            for host in RackHost.all { try await host.stopRouting() }
        }
    }
}

extension RackHost {
    /// FRR's daemons as a service of the operator's would have them, with an empty configuration.
    fileprivate func startRouting() async throws {
        try await sh(
            #"""
            install -d -o frr -g frr /run/frr
            printf '! empty\n' >/etc/frr/frr.conf
            /usr/lib/frr/zebra -d -A 127.0.0.1
            /usr/lib/frr/bgpd -d -A 127.0.0.1
            """#)
    }

    fileprivate func stopRouting() async throws {
        try await sh(
            #"""
            for daemon in bgpd zebra; do
                pid=$(cat /run/frr/$daemon.pid 2>/dev/null) || continue
                kill "$pid" 2>/dev/null || true
                tail --pid="$pid" -f /dev/null
                rm -f /run/frr/$daemon.pid
            done
            """#)
    }

    /// What FRR says.
    fileprivate func configuration() async throws -> String { try await sh("vtysh -c 'show running-config'") }

    /// Where FRR sends frames for all. Its version 8.4 writes the list in the place of its length.
    fileprivate func ends(vni: Int) async throws -> Set<String> {
        let text = try await sh(
            #"vtysh -c "show evpn vni $1 json" | jq -r '[.numRemoteVteps, .remoteVteps] | .. | strings'"#, String(vni))
        return Set(text.split(whereSeparator: \.isNewline).map(String.init))
    }

    /// BGP tells within seconds; `bridge monitor` says when something came or went.
    fileprivate func waitForEnds(vni: Int, _ wanted: Set<String>) async throws {
        try await sh(
            #"""
            coproc monitor { exec timeout 60 bridge monitor fdb; }
            while :; do
                ends=$(vtysh -c "show evpn vni $1 json" | jq -r '[.numRemoteVteps, .remoteVteps] | .. | strings' | sort | tr '\n' ' ')
                if [[ $ends == "$2" ]]; then kill "$monitor_PID"; exit 0; fi
                read -r -u "${monitor[0]}" _ || { echo "VNI $1 ends at $ends, not at $2"; exit 1; }
            done
            """#, String(vni), wanted.sorted().map { "\($0) " }.joined())
    }

    /// The process of a machine's QEMU.
    fileprivate func guest(_ machine: String) async throws -> String {
        try await sh(#"cat "/run/libvirt/qemu/$1.pid""#, machine)
    }

    /// Lets a guest ping until an answer comes.
    fileprivate func reaches(_ machine: String, _ address: String, _ fleet: RackFleet) async throws {
        let word = "again-\(UUID().lowercased.prefix(8))"
        try await type(machine, "until ping -c 1 -W 2 \(address); do :; done; echo infra-guest: \(word)")
        try await tells(fleet, machine, word)
    }
}
