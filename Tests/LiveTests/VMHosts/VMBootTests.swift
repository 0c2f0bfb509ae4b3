import Foundation
import Model
import Testing

extension VMHostTests {
    /// A host that really starts again.
    @Suite struct VMBootTests {
        private let vm = RackHost.vm

        @Test func aHostComesBackByItself() async throws {
            try await withRacks("reboot", on: [vm]) { fleet in
                try fleet.writeBase(networks: ["net": 6103])
                try fleet.edit(
                    "fleet.yaml", "vxlan: {vni: 6103}",
                    "vlan: {host: vm-1, interface: eth0, id: 42}, securityGroups: [{name: closed}], "
                        + "vxlan: {vni: 6103, peers: [192.0.2.240, 192.0.2.241]}")
                try fleet.edit("fleet.yaml", "10.60.0.0/24}", "10.60.0.0/24, gateway: 10.60.0.1, dhcp: true}")
                try fleet.writeHost(vm)
                try fleet.writeMachine("reboot-1", on: vm, network: "net", address: 11)
                try fleet.edit("reboot-1.yaml", "10.60.0.11}", "10.60.0.11, securityGroups: [closed]}")
                try fleet.edit("reboot-1.yaml", "cloudInit: {}", "cloudInit: {}\n  autostart: true")
                let applied = try await fleet.apply()
                try #require(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
                try await vm.tells(fleet, "reboot-1", "reboot-1 leased 10.60.0.11 from 10.60.0.1")

                let before = try await state(fleet)
                #expect(before.contains("192.0.2.241") && before.contains("ct state"), "\(before)")
                try await vm.reboot()
                #expect(try await vm.sh("systemctl is-system-running --wait || true") == "running")
                try await vm.tells(fleet, "reboot-1", "reboot-1 leased 10.60.0.11 from 10.60.0.1", times: 2)
                let after = try await state(fleet)
                #expect(after == before, "\(before)\n\nand after its start\n\(after)")
                let plan = try await fleet.infra("plan")
                #expect(plan.status == 0 && plan.lastLine == "No changes.", "\(plan)")
            }
        }

        /// Links with their marks, ports and forwarding entries, DHCP, the firewall, and the domains that run.
        private func state(_ fleet: RackFleet) async throws -> String {
            let identity = fleet.identity
            return try await vm.sh(
                LiveTests.BootLiveTests.describe + #"""
                    describe "$1" "$2" "$3"
                    for link in "$1" "$2" "$3"; do cat "/sys/class/net/$link/ifalias"; done
                    ip -d -j link show dev "$3" | jq -c '.[0] | [.link, .linkinfo.info_data.id]'
                    ip -n "$5" -j address | jq -c '.[] | [.ifname, .ifalias, .mtu, .address, [.addr_info[].local]]'
                    pgrep -a dnsmasq | cut -d' ' -f2-
                    nft -s list table bridge "$4"
                    virsh list --name --state-running
                    """#, identity.bridgeName("net"), identity.tunnelName("net"), identity.vlanName("net"),
                identity.firewallName, identity.serviceName("net"))
        }
    }
}

extension RackHost {
    /// Starts a VM anew, and waits until it lets us in again.
    func reboot() async throws {
        let boot = "cat /proc/sys/kernel/random/boot_id"
        let before = try await sh(boot)
        _ = try await Program.run(Self.lab, ["disconnect", description])
        // The connection may end before the command does.
        _ = try await Program.run(Self.lab, ["exec", description, "systemctl", "reboot", "--no-block"], seconds: 60)
        let end = ContinuousClock.now + .seconds(300)
        while ContinuousClock.now < end {
            let ended = try await Program.run(Self.lab, ["exec", description, "bash", "-c", boot], seconds: 60)
            if ended.status == 0, ended.output.trimmingCharacters(in: .newlines) != before { return }
            // ssh is refused at once while the machine is down.
            try await Task.sleep(for: .milliseconds(500))
        }
        throw Failure("\(self) does not come back in 300 s")
    }
}
