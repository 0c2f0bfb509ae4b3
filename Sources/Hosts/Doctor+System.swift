import Foundation
import Model

extension Doctor {
    /// Whether the kernel makes bridges and VXLAN links; tried in a network namespace that ends with the trial.
    func kernelLinks() async throws(HostError) -> [Finding] {
        let lines = "link add name infra0 type bridge\nlink add name infra1 type vxlan id 1 dstport 4789\n"
        do throws(HostError) {
            try await commands.run(
                "unshare", ["--net", "--", "ip", "-batch", "-"], input: .bytes(Array(lines.utf8)),
                deadline: .seconds(10))
            return [Finding(.ok, "kernel-links", "the kernel makes bridges and VXLAN links")]
        } catch {
            return [
                Finding(
                    .problem, "kernel-links", "the kernel makes no bridges or VXLAN links: \(error)",
                    remedy: "modprobe bridge; modprobe vxlan")
            ]
        }
    }

    /// Whether the kernel makes VLANs, which networks with `vlan` need.
    func vlans() async throws(HostError) -> [Finding] {
        let output = try await commands.run(
            "unshare", ["--net", "--", "ip", "-batch", "-"], input: .bytes(Array(VLANTrial.lines.utf8)),
            deadline: .seconds(10), accepting: [0, 1, 2])
        if output.status == 0 { return [Finding(.ok, "vlans", "the kernel makes VLANs")] }
        return [
            Finding(
                .warning, "vlans", "the kernel makes no VLANs, which networks with `vlan` need",
                remedy: "modprobe 8021q, or take a kernel that has it (CONFIG_VLAN_8021Q)")
        ]
    }

    /// Whether there is what answers DHCP and DNS of networks that say so.
    func dhcp() async throws(HostError) -> [Finding] {
        let script = "command -v dnsmasq >/dev/null && echo there || echo missing"
        guard try await commands.run("bash", ["-c", script]).text == "missing\n" else {
            return [Finding(.ok, "dhcp", "dnsmasq is installed")]
        }
        return [
            Finding(
                .warning, "dhcp", "dnsmasq is not installed, which networks with `dhcp: true` need",
                remedy: "apt-get install dnsmasq-base")
        ]
    }

    /// Whether there is what fetches images that have a `url`, and the authorities that it trusts for https.
    func fetching() async throws(HostError) -> [Finding] {
        let script = #"""
            command -v curl >/dev/null || echo curl
            [[ -e /etc/ssl/certs/ca-certificates.crt ]] || echo ca-certificates
            """#
        let missing = try await commands.run("bash", ["-c", script]).text.split(separator: "\n").map(String.init)
        return [Self.fetchingFinding(missing: missing)]
    }

    static func fetchingFinding(missing: [String]) -> Finding {
        guard !missing.isEmpty else { return Finding(.ok, "fetching", "curl is installed, with authorities for https") }
        let names = missing.joined(separator: " and ")
        return Finding(
            .warning, "fetching",
            "\(names) \(missing.count == 1 ? "is" : "are") not installed, which images with `url` need",
            remedy: "apt-get install \(missing.joined(separator: " "))")
    }

    /// Whether libvirt keeps a disk that several hosts reach from being used twice.
    func leases() async throws(HostError) -> [Finding] {
        [Self.leaseFinding(try await commands.ask(LeaseQuestion(folders: []).question(.seconds(30))))]
    }

    static func leaseFinding(_ leases: Leases) -> Finding {
        switch leases.obstacle {
        case nil: Finding(.ok, "leases", "libvirt takes leases on disks")
        case LeaseQuestion.noLockManager?:
            Finding(.ok, "leases", "libvirt takes no leases; where a pool has `leases: true`, \(Leases.help)")
        case let obstacle?:
            Finding(
                .warning, "leases", "machines start without leases on their disks: \(obstacle)", remedy: Leases.help)
        }
    }

    /// Whether the host's own firewall drops frames between guests.
    func bridgeNetfilter() async throws(HostError) -> [Finding] {
        let script = #"""
            [[ $(cat /proc/sys/net/bridge/bridge-nf-call-iptables 2>/dev/null) == 1 ]] || { echo past; exit; }
            { nft list chains; iptables -S FORWARD; } 2>/dev/null |
                grep -Eq 'hook forward .*policy drop|^-P FORWARD DROP' && echo drops || echo passes
            """#
        guard try await commands.run("bash", ["-c", script]).text == "drops\n" else {
            return [
                Finding(.ok, "bridge-netfilter", "no rule of the host's firewall drops frames between guests unasked")
            ]
        }
        return [
            Finding(
                .warning, "bridge-netfilter",
                "frames between guests go through the host's firewall, which drops what it does not know",
                remedy: "sysctl -w net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0")
        ]
    }

    /// Whether lock files can be made.
    func lockFolder() async throws(HostError) -> [Finding] {
        let script = #"file=$(mktemp -- "$1/infra.XXXXXX") && flock --nonblock "$file" true && rm -f -- "$file""#
        do throws(HostError) {
            try await commands.run("bash", ["-c", script, "infra-doctor", commands.lockFolder], deadline: .seconds(5))
            return [Finding(.ok, "lock-folder", "locks can be taken in \(commands.lockFolder)")]
        } catch {
            return [
                Finding(
                    .problem, "lock-folder", "no locks can be taken in \(commands.lockFolder): \(error)",
                    remedy: "mkdir -p -m 1777 \(commands.lockFolder)")
            ]
        }
    }

    /// Whether a storage root takes marks and has room. One that is not there yet is judged by the folder above it.
    func storage(_ path: String) async throws(HostError) -> [Finding] {
        let script = #"""
            folder=$1
            while [[ ! -d $folder && $folder == /?* ]]; do folder=$(dirname -- "$folder"); done
            df --block-size=1 --output=size,avail -- "$folder" | tail -n 1
            trial=$(mktemp -- "$folder/.infra-trial.XXXXXX") || exit 1
            trap 'rm -f -- "$trial"' EXIT
            setfattr -n user.infra -v trial -- "$trial" 2>/dev/null
            getfattr --only-values -n user.infra --absolute-names -- "$trial" 2>/dev/null || true
            """#
        let name = CommandText.printable(path)
        let output: CommandOutput
        do throws(HostError) {
            output = try await commands.run("bash", ["-c", script, "infra-doctor", path], deadline: .seconds(10))
        } catch {
            return [
                Finding(.problem, "storage", "\(name) cannot be written: \(error)", remedy: "mkdir -p -- \(name)")
            ]
        }
        let lines = output.text.split(separator: "\n").map(String.init)
        let numbers = (lines.first ?? "").split(separator: " ").compactMap { UInt64($0) }
        guard numbers.count == 2 else { throw .unreadable("df wrote no numbers for \(name)") }
        return [
            lines.dropFirst().first == "trial"
                ? Finding(.ok, "xattrs", "\(name) takes the marks of volumes")
                : Finding(
                    .problem, "xattrs", "the file system of \(name) takes no user.* attributes, the marks of volumes",
                    remedy: "mount ext4, xfs or btrfs there, or name another folder in `storageRoots`"),
            Self.spaceFinding(name, size: numbers[0], free: numbers[1]),
        ]
    }

    static func spaceFinding(_ path: String, size: UInt64, free: UInt64) -> Finding {
        let text = "\(ByteCount(free).rounded) of \(ByteCount(size).rounded) are free at \(path)"
        if free < 1 << 30 {
            return Finding(.problem, "disk-space", text, remedy: "make room; guests stop when a disk cannot grow")
        }
        if free < size / 10 || free < 5 << 30 {
            return Finding(.warning, "disk-space", text, remedy: "make room; guests stop when a disk cannot grow")
        }
        return Finding(.ok, "disk-space", text)
    }
}
