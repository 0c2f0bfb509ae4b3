import Model
import Testing

extension VMHostTests {
    /// A guest as most hosts run theirs, and a kernel that tracks connections on bridges.
    @Suite struct VMKVMTests {
        private let vm = RackHost.vm

        @Test func aGuestRunsUnderKVMAndHearsOnlyAnswers() async throws {
            try await withRacks("kvm", on: [vm]) { fleet in
                try fleet.writeBase(networks: ["net": 6101])
                try fleet.edit("fleet.yaml", "vxlan: {vni", "securityGroups: [{name: closed}], vxlan: {vni")
                try fleet.writeHost(vm)
                try fleet.writeMachine("kvm-1", on: vm, network: "net", address: 11)
                try fleet.edit("kvm-1.yaml", "10.60.0.11}", "10.60.0.11, securityGroups: [closed]}")
                try fleet.edit("kvm-1.yaml", "cloudInit: {}", "cloudInit: {userData: {peers: [10.60.0.9]}}")
                let applied = try await fleet.apply()
                try #require(applied.status == 0 && applied.lastLine == "No changes.", "\(applied)")
                try await runsUnderKVM()
                try await vm.sh(Self.neighbour, fleet.identity.bridgeName("net"))
                try await vm.tells(fleet, "kvm-1", "kvm-1 up 10.60.0.11")

                // What it asks is answered; what nobody asked for does not come in.
                try await vm.tells(fleet, "kvm-1", "kvm-1 reaches 10.60.0.9")
                #expect(try await !vm.pings("end", "10.60.0.11"))
                // By a rule it does.
                try fleet.edit("fleet.yaml", "{name: closed}", "{name: closed, ingress: [{protocol: icmp}]}")
                let opened = try await fleet.apply()
                try #require(opened.status == 0 && opened.lastLine == "No changes.", "\(opened)")
                #expect(try await vm.pings("end", "10.60.0.11"))
                // Without connections answers are frames like any other.
                try fleet.edit("fleet.yaml", "ingress: [{protocol: icmp}]", "stateful: false")
                let stateless = try await fleet.apply()
                try #require(stateless.status == 0 && stateless.lastLine == "No changes.", "\(stateless)")
                try await vm.type(
                    "kvm-1", "ping -c 3 -W 2 10.60.0.9 >/dev/null && echo infra-guest: heard || echo infra-guest: deaf")
                try await vm.tells(fleet, "kvm-1", "deaf")
            }
            try await vm.sh("ip netns del end")
        }

        /// By libvirt's definition, the process and the kernel.
        private func runsUnderKVM() async throws {
            #expect(try await vm.sh("virsh dumpxml kvm-1 | sed -n 1p").contains("type='kvm'"))
            let process = try await vm.sh(
                "pid=$(</run/libvirt/qemu/kvm-1.pid); tr '\\0' ' ' </proc/$pid/cmdline; cat /proc/$pid/attr/current")
            #expect(process.contains("-accel kvm"))
            #expect(process.hasSuffix("(enforce)"), "AppArmor, as Debian ships it")
            #expect(try await vm.sh("cat /sys/kernel/debug/kvm/exits") != "0", "the kernel has run guest code")
        }

        /// BRIDGE: a machine on the network that is no guest.
        private static let neighbour = """
            ip netns add end
            ip link add name end0 type veth peer name eth0 netns end
            ip link set end0 addrgenmode none master "$1" up
            ip -n end address add 10.60.0.9/24 dev eth0
            ip -n end link set eth0 up
            """
    }
}

extension RackHost {
    /// Whether an address answers somebody in a network namespace there.
    /// - Parameter link: by which link it asks; by its route when nil.
    func pings(_ namespace: String, _ address: String, by link: String? = nil) async throws -> Bool {
        try await sh(
            #"ip netns exec "$1" ping -q -c 3 -W 2 ${3:+-I "$3"} "$2" >/dev/null && echo yes || echo no"#, namespace,
            address, link ?? "") == "yes"
    }
}
