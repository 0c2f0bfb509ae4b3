import Foundation
import Model
import TestSupport
import Testing

@testable import Hosts

@Suite struct AcceleratorTests {
    static let hasQEMU = FileManager.default.isExecutableFile(atPath: "/usr/bin/qemu-system-x86_64")

    /// The translator is there on every host, so there the firmware itself is proven: one that is broken would let KVM
    /// look broken everywhere.
    @Test(.enabled(if: hasQEMU && Lab.isHere, "needs a lab host")) func theFirmwareRuns() async throws {
        let trial = try await AcceleratorProbe(commands: CommandRunner()).attempt(.tcg, fresh: true)
        #expect(trial == AcceleratorProbe.Trial(status: AcceleratorFirmware.exitCode, words: ""))
        let cached = try await AcceleratorProbe(commands: CommandRunner()).attempt(.tcg, fresh: false)
        #expect(cached == trial)
        let lines = try String(contentsOfFile: "/run/infra/accelerator-tcg", encoding: .utf8).split(separator: "\n")
        let boot = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        #expect(lines.first?.hasPrefix(boot.dropLast()) == true)
        #expect(lines.last == "85")
        let old = try await CommandRunner().run("find", ["/run/infra", "-name", "accelerator.*", "-mmin", "+1"])
        #expect(old.text == "")
    }

    @Test(.enabled(if: Lab.isHere, "needs a lab host")) func aLabHostHasNoKVM() async throws {
        let finding = try await AcceleratorProbe(commands: CommandRunner()).find(.auto)
        #expect(finding.accelerator == .tcg)
        #expect(finding.reason == "no KVM: there is no /dev/kvm")
        #expect(!finding.isBroken)
    }

    /// A QEMU that never ends and does not hear, before the real one in the path that commands are looked up in.
    @Test(.enabled(if: Lab.isHere, "needs a lab host")) func aGuestThatHangsIsNoKVM() async throws {
        let path = "/usr/local/sbin/qemu-system-x86_64"
        let script = "#!/bin/bash\ntrap '' TERM\necho started >>/tmp/hanging-qemu\nwhile :; do sleep 0.1; done\n"
        try Data(script.utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let finding = try await AcceleratorProbe(commands: CommandRunner()).find(.auto)
        #expect(
            finding
                == .init(
                    accelerator: .tcg, reason: "no KVM: /dev/kvm exists, but a guest hangs on it", isBroken: true))
        #expect(try String(contentsOfFile: "/tmp/hanging-qemu", encoding: .utf8) == "started\n")
        let left = try await CommandRunner().run("pgrep", ["--full", "--", path], accepting: [0, 1])
        #expect(left.text == "")
        // It is remembered: no second guest has to hang.
        #expect(try await AcceleratorProbe(commands: CommandRunner()).find(.auto) == finding)
        #expect(try String(contentsOfFile: "/tmp/hanging-qemu", encoding: .utf8) == "started\n")
        try FileManager.default.removeItem(atPath: "/tmp/hanging-qemu")
    }

    @Test func theFirmwareEndsAtTheTop() {
        #expect(AcceleratorFirmware.tail.count == 256)
        #expect(Array(AcceleratorFirmware.tail[0xf0...0xf2]) == [0xe9, 0x0d, 0xff])
    }

    @Test(arguments: [
        (85, "", true, "proven"), (124, "", true, "hangs"), (137, "", true, "hangs"), (134, "x", true, "crashes"),
        (127, "", false, "not installed"),
        (1, "Could not access KVM kernel module: No such file or directory", false, "no"),
        (1, "Could not access KVM kernel module: Permission denied", true, "may not"), (2, "odd", true, "odd"),
    ]) func endingsInWords(status: Int, words: String, exists: Bool, part: String) {
        let trial = AcceleratorProbe.Trial(status: status, words: words)
        #expect(trial.isProven == (status == 85))
        #expect(trial.nodeExists == exists)
        #expect(trial.isProven || trial.explanation.contains(part))
    }
}
