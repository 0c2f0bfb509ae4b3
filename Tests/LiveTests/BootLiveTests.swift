import Foundation
import Model
import TestSupport
import Testing

extension LiveTests {
    /// What a host does by itself when it starts. The hosts of the lab have no systemd; networkd, nft and systemd-analyze
    /// read the files all the same.
    @Suite struct BootLiveTests {
        @Test func whatIsNotKeptIsToldOnce() async throws {
            try await withFleet("unkept") { fleet in
                try fleet.writeBase(vni: 7720)
                try fleet.writeMachine("unkept-a", address: 11, "power: stopped")
                let told =
                    "not persistent: networks (no systemd-networkd runs there) and firewall (no systemd runs there)"
                let plan = try await fleet.infra("plan")
                #expect(plan.output.components(separatedBy: told).count == 2, "\(plan)")
                #expect(try await fleet.apply().lastLine == "No changes.")
                #expect(try await fleet.apply().output == "No changes.\n")
                let status = try await fleet.infra("status")
                #expect(status.status == 0 && status.output.components(separatedBy: told).count == 2, "\(status)")
                #expect(try await sh("ls -A /etc/systemd/network | grep -c infra || true") == "0")
            }
        }

        @Test func linksAndFirewallComeBack() async throws {
            try await withSystemd {
                try await withFleet("boot") { fleet in
                    try fleet.writeBase(vni: 7721, peers: "[198.51.100.2, 198.51.100.3]")
                    try fleet.writeMachine("boot-a", address: 11, "power: stopped")
                    let before = try await sh(Self.foreign)
                    let applied = try await fleet.apply()
                    #expect(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
                    #expect(try await !fleet.infra("plan").output.contains("not persistent"))
                    try await compareLinks(fleet)
                    try await compareFirewall(fleet)

                    try await drift(fleet)
                    // Another flood list is another file.
                    try fleet.edit("fleet.yaml", "[198.51.100.2, 198.51.100.3]", "[198.51.100.4]")
                    let plan = try await fleet.infra("plan")
                    #expect(plan.output.contains("writing its boot files"), "\(plan)")
                    #expect(try await fleet.apply().lastLine == "No changes.")
                    try await compareLinks(fleet)

                    let destroyed = try await fleet.destroy("--allow", "stop")
                    #expect(destroyed.status == 0, "\(destroyed)")
                    #expect(try await sh(Self.foreign) == before)
                    #expect(try await sh("find /etc -name '*infra-*'") == "")
                }
            }
        }

        /// A file that has our name and is somebody's stays, and the step says so.
        @Test func aStrangersFileStays() async throws {
            try await withSystemd {
                try await withFleet("stranger") { fleet in
                    try fleet.writeBase(vni: 7722)
                    try fleet.writeMachine("stranger-a", address: 11, "power: stopped")
                    let file =
                        "/etc/systemd/network/\(fleet.identity.bootFilePrefix)\(fleet.identity.bridgeName("net")).netdev"
                    try await sh(#"echo '# mine' >"$1""#, file)
                    let applied = try await fleet.apply()
                    #expect(applied.status == 1 && applied.output.contains("is there and not ours"), "\(applied)")
                    #expect(try await sh(#"cat "$1"; rm "$1""#, file) == "# mine")
                    #expect(try await fleet.apply().lastLine == "No changes.")
                }
            }
        }

        private func drift(_ fleet: TestFleet) async throws {
            let unit = "infra-\(fleet.identity.fleet8)-firewall.service"
            for change in [
                "sed -i s/1450/1400/ /etc/systemd/network/*.netdev", "rm /etc/systemd/network/50-infra-*.link",
                "rm /etc/systemd/system/infra-*.nft",
                "echo '# more' >>/etc/systemd/system/infra-\(fleet.identity.fleet8)-firewall.nft",
                "rm /etc/systemd/system/sysinit.target.wants/\(unit)",
            ] {
                try await sh(change)
                let status = try await fleet.infra("status")
                #expect(status.status == 1 && status.output.contains("drift: "), "\(change) \(status)")
                let mended = try await fleet.apply()
                #expect(mended.status == 0 && mended.lastLine == "No changes.", "\(change) \(mended)")
            }
            #expect(try await sh("find /etc/systemd -name '*.infra-staged'") == "")
        }

        /// networkd makes the same links of the files as the program made.
        private func compareLinks(_ fleet: TestFleet) async throws {
            let made = try await sh(
                Self.describe + #"describe "$1" "$2""#, fleet.identity.bridgeName("net"),
                fleet.identity.tunnelName("net"))
            let remade = try await sh(
                #"exec unshare --net --mount -- bash -euo pipefail -c "$1" bash "$2" "$3" "$4""#,
                Self.describe + Self.networkd, fleet.identity.bridgeName("net"), fleet.identity.tunnelName("net"), made)
            #expect(remade == made)
        }

        /// nft makes the same table of the file, and systemd takes the unit.
        private func compareFirewall(_ fleet: TestFleet) async throws {
            let table = fleet.identity.firewallName
            let rules = "/etc/systemd/system/infra-\(fleet.identity.fleet8)-firewall.nft"
            #expect(
                try await sh(
                    #"nft --check -f "$2"; unshare --net -- bash -c 'nft -f "$2" && nft -s list table bridge "$1"' bash "$@""#,
                    table, rules) == sh(#"nft -s list table bridge "$1""#, table))
            // It says what it does not understand, and ends well all the same.
            let unit = "/etc/systemd/system/infra-\(fleet.identity.fleet8)-firewall.service"
            #expect(try await sh(#"systemd-analyze verify "$1" 2>&1"#, unit) == "")
        }

        /// Everything below the folders that is not the fleet's.
        private static let foreign = "find /etc/systemd -type f -o -type l | sort | xargs -d '\\n' md5sum 2>/dev/null"

        /// What the two links are, as far as any of it was declared.
        static let describe = #"""
            describe() {
                for link; do
                    ip -details -json address show dev "$link" | jq -c '.[0] | [.ifname, .mtu, .address, .master,
                        (.flags | index("UP") != null), .inet6_addr_gen_mode, .linkinfo.info_kind,
                        (.linkinfo.info_data | {id, local, port, learning, ttl, udp_csum, stp_state}),
                        (.linkinfo.info_slave_data // {} | {learning, neigh_suppress}),
                        [.addr_info[].local]]'
                    bridge -json fdb show dev "$link" | jq -c '[.[] | select(.dst) | [.mac, .dst]] | sort'
                done
            }

            """#

        /// In a network namespace of its own. Each line that networkd tells may be the one after which all is as it should be.
        private static let networkd = #"""
            mount -t sysfs -o ro sysfs /sys
            ip link set lo up
            exec 3< <(SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console exec timeout 60 /lib/systemd/systemd-networkd 2>&1)
            pid=$! seen='' log=''
            while IFS= read -r -u 3 line; do
                log+=$line$'\n'
                seen=$(describe "$1" "$2" 2>/dev/null) || true
                if [[ $seen == "$3" ]]; then break; fi
            done
            kill "$pid" 2>/dev/null || true
            if grep -F /etc/systemd/network/50-infra- <<<"$log" | grep -i 'ignor\|invalid\|unknown\|fail' >&2; then exit 1; fi
            printf '%s\n' "$seen"
            """#
    }
}
