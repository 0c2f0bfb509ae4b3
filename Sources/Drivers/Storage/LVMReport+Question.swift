import Hosts
import Model

extension LVMReport {
    /// What LVM says of all its volume groups and of what is in them, by one program, lvm-fullreport(8).
    static let whole = HostQuestion(
        CommandCall(
            "lvm", ["fullreport"] + wholeArguments, deadline: .seconds(60), outputLimit: 1 << 27, repairing: true)
    ) { output throws(HostError) in try LVMReport(whole: output.text) }

    /// What LVM says of all its volume groups: over a connection one session, though it takes two programs.
    ///
    /// - Parameter fleet: of the volumes only where a group carries the mark of this fleet. A report without them has none.
    static func question(volumesOf fleet: Identity) -> HostQuestion<LVMReport> {
        HostQuestion(
            CommandCall(
                "bash",
                ["-c", script, "infra-lvm", LVMTags.owned(by: fleet), String(groupArguments.count)]
                    + groupArguments + volumeArguments,
                deadline: .seconds(60), outputLimit: 1 << 27, repairing: true),
            recover: { error throws(HostError) in
                guard case .command(_, let status, let words) = error else { throw error }
                throw .command(program: "lvm", status: status, standardError: words)
            },
            read: { output throws(HostError) in try LVMReport(parts: output.text, volumesOf: fleet) })
    }

    /// Reads what the script has written.
    ///
    /// - Throws: `.unreadable` when it has another form, or lacks the volumes although they matter.
    init(parts text: String, volumesOf fleet: Identity) throws(HostError) {
        let parts = text.split(separator: "\0", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw .unreadable("LVM's report is cut off") }
        try self.init(groups: String(parts[0]))
        if parts[1].isEmpty, !groups.contains(where: { LVMTags.pool($0.tags, in: fleet) != nil }) { return }
        try add(volumes: String(parts[1]))
    }

    /// TAG COUNT GROUP-ARGUMENT… VOLUME-ARGUMENT…: what `vgs` writes, a zero byte, and what `lvs` writes, that only if `vgs`
    /// wrote the tag; a tag that stands elsewhere as well costs time alone.
    private static let script = #"""
        set -eu
        tag=$1 count=$2
        shift 2
        groups=$(vgs "${@:1:count}")
        printf '%s\0' "$groups"
        if [[ $groups == *"$tag"* ]]; then exec lvs "${@:count+1}"; fi
        """#
}
