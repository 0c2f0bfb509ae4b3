import Foundation
import Model
import TestSupport
import Testing

@testable import Hosts

@Suite(.serialized) struct DoctorTests {
    @Test(.enabled(if: Lab.isHere, "needs a lab host")) func aLabHostIsWell() async throws {
        let findings = await Doctor(commands: CommandRunner()).examine()
        #expect(
            findings.map(\.check) == [
                "root", "programs", "libvirt", "kvm-mode", "accelerator", "kernel-links", "vlans", "dhcp",
                "fetching", "leases", "bridge-netfilter",
                "frr", "lock-folder", "machine-id", "xattrs", "disk-space",
            ])
        // Room and VLANs are what the machine has.
        let odd = findings.filter { $0.severity != .ok && !["disk-space", "vlans"].contains($0.check) }
        #expect(odd.map(\.check) == ["accelerator"])
        #expect(odd.first?.message == "guests run by TCG, many times slower: no KVM: there is no /dev/kvm")
        #expect(odd.allSatisfy { $0.remedy != nil })
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: "/var/lib/infra").allSatisfy { !$0.hasPrefix(".infra") }
        )
    }

    @Test(.enabled(if: Lab.isHere, "needs a lab host")) func whatIsMissingIsNamed() async throws {
        let doctor = Doctor(
            commands: CommandRunner(lockFolder: "/nowhere"), uri: "qemu+unix:///system?socket=/nowhere",
            storageRoots: ["/proc"])
        let findings = await doctor.examine()
        for check in ["libvirt", "lock-folder", "storage"] {
            let finding = try #require(findings.first { $0.check == check })
            #expect(finding.severity == .problem && finding.remedy != nil, "\(finding)")
        }
    }

    @Test(.enabled(if: Lab.isHere, "needs a lab host")) func facts() async throws {
        let connection = try await LibvirtConnection.open(uri: "qemu:///system", deadline: .seconds(10))
        let (machine, finding, chosen) = await CommandRunner().ask(
            together: HostFacts.machine, AcceleratorProbe.question(.auto), AcceleratorProbe.question(.tcg))
        let status = HostFacts.status(
            try machine.get(), try finding.get(), try await connection.node(deadline: .seconds(10)))
        let machineID = try String(contentsOfFile: "/etc/machine-id", encoding: .utf8)
        #expect(status.uuid == Identity.hostUUID(machineID: machineID))
        #expect(status.hostname == ProcessInfo.processInfo.hostName)
        #expect(status.cpu == ProcessInfo.processInfo.activeProcessorCount)
        #expect(status.memory.bytes == ProcessInfo.processInfo.physicalMemory)
        #expect(status.accelerator == .tcg && status.acceleratorReason.contains("/dev/kvm"))
        #expect(status.libvirtVersion.split(separator: ".").count == 3)
        #expect(try chosen.get().reason == "chosen in the manifest")
    }

    @Test func missingProgramsAndTheirPackages() {
        let all = Set(Doctor.programs.flatMap(\.names))
        #expect(Doctor.programsFinding(found: all).severity == .ok)
        #expect(Doctor.programsFinding(found: all.subtracting(["xorriso", "virtqemud"])).severity == .ok)
        let finding = Doctor.programsFinding(
            found: all.subtracting(["xorriso", "genisoimage", "getfattr", "setfattr"]))
        #expect(finding.message == "not installed: getfattr, setfattr, genisoimage or xorriso")
        #expect(finding.remedy == "apt-get install attr genisoimage")
        // Guests are held to their addresses by nftables, and do not start without.
        #expect(Doctor.programsFinding(found: all.subtracting(["nft"])).remedy == "apt-get install nftables")
    }

    @Test func whatFetchesImagesIsNamed() {
        #expect(Doctor.fetchingFinding(missing: []).severity == .ok)
        let finding = Doctor.fetchingFinding(missing: ["curl", "ca-certificates"])
        #expect(finding.severity == .warning && finding.remedy == "apt-get install curl ca-certificates")
        #expect(finding.message == "curl and ca-certificates are not installed, which images with `url` need")
    }

    @Test func aClosedDeviceNodeIsAProblem() {
        let closed = Doctor.kvmModeFinding(["mode 600 root:root", "closed libvirt-qemu"])
        #expect(closed.severity == .problem && closed.remedy?.hasPrefix("chmod 0666 /dev/kvm") == true)
        #expect(Doctor.kvmModeFinding(["mode 660 root:kvm", "opens libvirt-qemu"]).severity == .ok)
        #expect(Doctor.kvmModeFinding(["missing"]).severity == .ok)
    }

    @Test func routersThatAreMissedAreNamed() {
        #expect(Doctor.routingFinding(["missing"]).severity == .ok)
        #expect(Doctor.routingFinding(["file", "zebra"]).severity == .ok)
        #expect(Doctor.routingFinding(["file", "used", "zebra"]).remedy?.contains("bgpd=yes") == true)
        #expect(Doctor.routingFinding(["zebra", "bgpd"]).severity == .warning)
        #expect(Doctor.routingFinding(["file", "zebra", "bgpd", "staticd"]).severity == .ok)
    }

    @Test func roomIsJudged() {
        #expect(Doctor.spaceFinding("/p", size: 100 << 30, free: 50 << 30).severity == .ok)
        #expect(Doctor.spaceFinding("/p", size: 100 << 30, free: 9 << 30).severity == .warning)
        #expect(Doctor.spaceFinding("/p", size: 6 << 30, free: 4 << 30).severity == .warning)
        #expect(Doctor.spaceFinding("/p", size: 100 << 30, free: 1 << 29).severity == .problem)
    }

    @Test(.enabled(if: Lab.isHere, "needs a lab host")) func aFirewallThatDropsIsNamed() async throws {
        let commands = CommandRunner()
        let rules = "table ip infra_doctor { chain forward { type filter hook forward priority 0; policy drop; }; }\n"
        try await commands.run("nft", ["-f", "-"], input: .bytes(Array(rules.utf8)))
        let finding = try await Doctor(commands: commands).bridgeNetfilter().first
        try await commands.run("nft", ["delete", "table", "ip", "infra_doctor"])
        let isOn = try? String(contentsOfFile: "/proc/sys/net/bridge/bridge-nf-call-iptables", encoding: .utf8) == "1\n"
        #expect(finding?.severity == (isOn == true ? .warning : .ok))
    }

    @Test func memoryInKibibytes() {
        #expect(HostFacts.totalMemory("MemTotal:       24684096 kB\n") == ByteCount(24_684_096 << 10))
        for text in ["", "MemFree: 1 kB", "MemTotal: -1 kB", "MemTotal: 1 MB", "MemTotal: 18446744073709551615 kB"] {
            #expect(HostFacts.totalMemory(text) == nil)
        }
    }

    @Test func machineIDs() {
        let id = "0123456789abcdef0123456789abcdef"
        #expect(HostFacts.validMachineID(id + "\n") == id)
        for text in [
            "", "uninitialized\n", id + "0", id.uppercased(), String(repeating: "0", count: 32), id + "\n" + id,
        ] {
            #expect(HostFacts.validMachineID(text) == nil)
        }
    }
}
