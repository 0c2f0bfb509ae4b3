import Foundation
import Model

extension Doctor {
    /// Whether commands run as root, as links, pools and locks need.
    func root() async throws(HostError) -> [Finding] {
        let id = try await commands.run("id", ["-u"]).text
        return [
            id == "0\n"
                ? Finding(.ok, "root", "runs as root")
                : Finding(.problem, "root", "does not run as root, which links and disks need", remedy: "use sudo")
        ]
    }

    /// The programs that steps run, with Debian's packages. Of two with one package name either will do.
    static let programs: [(names: [String], package: String)] = [
        (["qemu-system-x86_64"], "qemu-system-x86"), (["qemu-img"], "qemu-utils"), (["ip"], "iproute2"),
        (["bridge"], "iproute2"), (["nft"], "nftables"), (["flock"], "util-linux"), (["nsenter"], "util-linux"),
        (["getfattr"], "attr"), (["setfattr"], "attr"), (["genisoimage", "xorriso"], "genisoimage"),
        (["virsh"], "libvirt-clients"),
        (["libvirtd", "virtqemud"], "libvirt-daemon-system"),
    ]

    func programs() async throws(HostError) -> [Finding] {
        let names = Self.programs.flatMap(\.names)
        let script = #"for name; do if command -v -- "$name" >/dev/null; then printf '%s\n' "$name"; fi; done"#
        let found = try await commands.run("bash", ["-c", script, "infra-doctor"] + names).text
        return [Self.programsFinding(found: Set(found.split(separator: "\n").map(String.init)))]
    }

    static func programsFinding(found: Set<String>) -> Finding {
        let missing = programs.filter { found.isDisjoint(with: $0.names) }
        guard !missing.isEmpty else { return Finding(.ok, "programs", "all programs are installed") }
        let names = missing.map { $0.names.joined(separator: " or ") }.joined(separator: ", ")
        let packages = Set(missing.map(\.package)).sorted().joined(separator: " ")
        return Finding(.problem, "programs", "not installed: \(names)", remedy: "apt-get install \(packages)")
    }

    /// Whether libvirt answers within 5 s.
    func libvirt() async throws(HostError) -> [Finding] {
        do throws(HostError) {
            let connection = try await LibvirtConnection.open(uri: uri, deadline: .seconds(5))
            let node = try await connection.node(deadline: .seconds(5))
            try await connection.close(deadline: .seconds(5))
            return [Finding(.ok, "libvirt", "libvirt \(node.libvirtVersion) answers at \(uri)")]
        } catch {
            return [
                Finding(
                    .problem, "libvirt", "libvirt does not answer at \(uri): \(error)",
                    remedy: "systemctl enable --now libvirtd (without systemd: virtlogd -d; libvirtd -d)")
            ]
        }
    }

    /// Whether libvirt's QEMU may open the device node.
    func kvmMode() async throws(HostError) -> [Finding] {
        let script = #"""
            [[ -e /dev/kvm ]] || { echo missing; exit; }
            stat -c 'mode %a %U:%G' /dev/kvm
            user=$(sed -n 's/^[[:space:]]*user[[:space:]]*=[[:space:]]*"\{0,1\}+\{0,1\}\([^"]*\)"\{0,1\}.*/\1/p' /etc/libvirt/qemu.conf 2>/dev/null | tail -n 1)
            for name in "$user" libvirt-qemu qemu; do
                id -- "$name" >/dev/null 2>&1 || continue
                runuser -u "$name" -- test -r /dev/kvm -a -w /dev/kvm && echo "opens $name" || echo "closed $name"
                exit
            done
            """#
        let lines = try await commands.run("bash", ["-c", script]).text.split(separator: "\n").map(String.init)
        return [Self.kvmModeFinding(lines)]
    }

    static func kvmModeFinding(_ lines: [String]) -> Finding {
        let check = "kvm-mode"
        if lines.first == "missing" { return Finding(.ok, check, "there is no /dev/kvm, so nothing waits for it") }
        let mode = CommandText.printable(lines.first ?? "")
        guard let closed = lines.first(where: { $0.hasPrefix("closed ") }) else {
            return Finding(.ok, check, "libvirt's QEMU may open /dev/kvm (\(mode))")
        }
        let user = CommandText.printable(String(closed.dropFirst(7)))
        return Finding(
            .problem, check,
            "\(user), as which libvirt runs QEMU, cannot open /dev/kvm (\(mode)): libvirt then probes QEMU up to a "
                + "minute at each define, and no guest uses KVM",
            remedy:
                #"chmod 0666 /dev/kvm; echo 'KERNEL=="kvm", GROUP="kvm", MODE="0666"' >/etc/udev/rules.d/65-kvm.rules"#)
    }

    /// Whether guests run by KVM, tried anew.
    func accelerator() async throws(HostError) -> [Finding] {
        let finding = try await AcceleratorProbe(commands: commands).find(.auto, fresh: true)
        if finding.accelerator == .kvm { return [Finding(.ok, "accelerator", "KVM runs guest code")] }
        return [
            Finding(
                .warning, "accelerator", "guests run by TCG, many times slower: \(finding.reason)",
                remedy: finding.isBroken
                    ? "another kernel or machine; `accelerator: tcg` in the Host's manifest saves the trial"
                    : "switch virtualisation on in the firmware, then modprobe kvm_intel or kvm_amd")
        ]
    }

    /// Whether there is a machine-id(5), from which the host's identity is derived.
    func machineID() async throws(HostError) -> [Finding] {
        do throws(HostError) {
            _ = try await HostFacts.machineID(commands)
            return [Finding(.ok, "machine-id", "/etc/machine-id is valid")]
        } catch {
            return [
                Finding(
                    .problem, "machine-id", "\(error)",
                    remedy: "systemd-machine-id-setup, or dbus-uuidgen --ensure=/etc/machine-id")
            ]
        }
    }
}
