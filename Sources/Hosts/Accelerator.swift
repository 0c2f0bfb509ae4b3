import Foundation
public import Model

/// Finds out what runs guest code on a host. That `/dev/kvm` exists proves nothing, since on some machines guests hang
/// on it; so a firmware of ours has to run to its end.
public struct AcceleratorProbe: Sendable {
    /// What was found.
    public struct Finding: Hashable, Sendable {
        /// What runs guest code.
        public let accelerator: Accelerator
        /// Why, for a reader: one clause without a full stop.
        public let reason: String
        /// Whether KVM exists here and does not work.
        public let isBroken: Bool
    }

    private let commands: CommandRunner

    /// A probe of the host that the runner reaches.
    public init(commands: CommandRunner) { self.commands = commands }

    /// Decides for a host's manifest. A trial is remembered until the next boot, or until QEMU or the device node
    /// changes.
    ///
    /// - Parameter fresh: whether to try again although it is remembered.
    /// - Throws: what the runner throws. A KVM that does not work is a finding, not an error.
    public func find(_ choice: KVMHost.AcceleratorChoice, fresh: Bool = false) async throws(HostError) -> Finding {
        try await commands.ask(Self.question(choice, fresh: fresh))
    }

    /// What runs guest code on a host, for its manifest. As `find`.
    public static func question(
        _ choice: KVMHost.AcceleratorChoice, fresh: Bool = false
    ) -> HostQuestion<Finding> {
        guard choice != .tcg else {
            return HostQuestion(CommandCall("true", [])) { (_) throws(HostError) in
                Finding(accelerator: .tcg, reason: "chosen in the manifest", isBroken: false)
            }
        }
        return HostQuestion(
            call(.kvm, fresh: fresh),
            recover: { error throws(HostError) in
                guard case .deadline = error else { throw error }
                return finding(Trial(status: 137, words: ""))
            },
            read: { output throws(HostError) in finding(try trial(output)) })
    }

    private static func finding(_ trial: Trial) -> Finding {
        if trial.isProven {
            return Finding(accelerator: .kvm, reason: "proven by a firmware that ran", isBroken: false)
        }
        return Finding(accelerator: .tcg, reason: "no KVM: \(trial.explanation)", isBroken: trial.nodeExists)
    }

    /// How a run of the firmware ended.
    struct Trial: Hashable, Sendable {
        let status: Int
        let words: String

        var isProven: Bool { status == AcceleratorFirmware.exitCode }

        /// Whether QEMU got as far as opening the device.
        var nodeExists: Bool { status != 127 && !words.contains("No such file or directory") }

        var explanation: String {
            switch status {
            case 124, 137: "/dev/kvm exists, but a guest hangs on it"
            case 127: "qemu-system-x86_64 is not installed"
            case _ where !nodeExists: "there is no /dev/kvm"
            case _ where words.contains("Permission denied"): "/dev/kvm may not be opened"
            case _ where status >= 128: "/dev/kvm exists, but QEMU crashes on it"
            default: "a guest does not run (exit code \(status)\(words.isEmpty ? "" : ", \(words)"))"
            }
        }
    }

    func attempt(_ accelerator: Accelerator, fresh: Bool) async throws(HostError) -> Trial {
        try await commands.ask(HostQuestion(Self.call(accelerator, fresh: fresh), read: Self.trial))
    }

    private static func call(_ accelerator: Accelerator, fresh: Bool) -> CommandCall {
        CommandCall(
            "bash",
            [
                "-c", script, "infra-accelerator", accelerator.rawValue, fresh ? "fresh" : "cached",
                Data(AcceleratorFirmware.tail).base64EncodedString(),
            ])
    }

    private static func trial(_ output: CommandOutput) throws(HostError) -> Trial {
        let lines = output.text.split(separator: "\n", maxSplits: 1)
        guard let first = lines.first, let status = Int(first) else {
            throw .unreadable("the accelerator's trial wrote no exit code")
        }
        return Trial(status: status, words: CommandText.firstLines(Array((lines.dropFirst().first ?? "").utf8)))
    }

    /// For `bash -c`. Arguments: `kvm` or `tcg`, `cached` or `fresh`, the last 256 bytes of the firmware in base64. Writes
    /// QEMU's exit code and, on the next lines, what QEMU said.
    private static let script = #"""
        set -u
        umask 077
        cache=/run/infra/accelerator-$1
        hash qemu-system-x86_64 2>/dev/null || { echo 127; exit; }
        program=${BASH_CMDS[qemu-system-x86_64]}
        read -r boot </proc/sys/kernel/random/boot_id
        # Not the node's times: udev sets them whenever a guest starts or ends.
        key=$(stat -L -c '%i %Y %s' -- "$program" 2>&1; stat -L -c '%i %t:%T %a %u %g' -- /dev/kvm 2>&1)
        key="$boot ${key//$'\n'/ }"
        if [[ $2 == cached && -f $cache && ! -L $cache && -O $cache ]] && read -r known <"$cache" && [[ $known == "$key" ]]; then
            mapfile -s 1 -t known <"$cache"
            printf '%s\n' "${known[@]}"
            exit
        fi
        mkdir -p /run/infra && folder=$(mktemp -d /run/infra/accelerator.XXXXXX) || exit 3
        trap 'rm -rf -- "$folder"' EXIT
        { head -c 65280 /dev/zero && base64 --decode <<<"$3"; } >"$folder/firmware" || exit 3
        timeout --kill-after=1 5 "$program" -accel "$1" -machine q35 -cpu max -m 16 -nodefaults -no-user-config \
            -display none -no-reboot -bios "$folder/firmware" -device isa-debug-exit,iobase=0xf4,iosize=1 \
            </dev/null >/dev/null 2>"$folder/words"
        printf '%s\n' $? >"$folder/result"
        head -c 2000 -- "$folder/words" >>"$folder/result"
        { printf '%s\n' "$key" && cat -- "$folder/result"; } >"$folder/cache" && mv -T -- "$folder/cache" "$cache"
        cat -- "$folder/result"
        """#
}
