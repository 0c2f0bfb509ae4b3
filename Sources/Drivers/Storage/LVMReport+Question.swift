import Hosts
import Model

extension LVMReport {
    /// What LVM says of all its volume groups and of what is in them, by one program, lvm-fullreport(8).
    static let whole = HostQuestion(
        CommandCall(
            "lvm", ["fullreport"] + wholeArguments, deadline: .seconds(60), outputLimit: 1 << 27, repairing: true)
    ) { output throws(HostError) in try LVMReport(whole: output.text) }

    /// The same, and what a fleet's profiles and devices' numbers are: over a connection one session, though it takes
    /// several programs.
    ///
    /// - Parameters:
    ///   - fleet: of the volumes only where a group carries the mark of this fleet; always when nil. A report without them has
    ///     none.
    ///   - devices: absolute paths, of which the report has the numbers.
    static func question(volumesOf fleet: Identity? = nil, devices: [String]) -> HostQuestion<LVMReport> {
        HostQuestion(
            CommandCall(
                "bash",
                [
                    "-c", script, "infra-lvm", fleet.map { LVMTags.owned(by: $0) } ?? "", String(groupArguments.count),
                    String(volumeArguments.count), ThinPoolProfile.folder,
                ] + groupArguments + volumeArguments + devices,
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
    init(parts text: String, volumesOf fleet: Identity?) throws(HostError) {
        let parts = text.split(separator: "\0", omittingEmptySubsequences: false).map { String($0) }
        guard parts.count >= 4, parts.count % 2 == 0, parts.last == Self.end else {
            throw .unreadable("LVM's report is cut off")
        }
        try self.init(groups: parts[0])
        if parts[1].isEmpty, let fleet, !groups.contains(where: { LVMTags.pool($0.tags, in: fleet) != nil }) { return }
        try add(volumes: parts[1])
        for line in parts[2].split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 2).map { String($0) }
            guard words.count == 3, let major = UInt32(words[0], radix: 16), let minor = UInt32(words[1], radix: 16)
            else { throw .unreadable("stat wrote what cannot be read") }
            numbers[words[2]] = DeviceNumber(major: major, minor: minor)
        }
        for index in stride(from: 3, to: parts.count - 1, by: 2) { profiles[parts[index]] = parts[index + 1] }
    }

    /// What stands behind all of it.
    private static let end = "."

    /// TAG COUNT COUNT FOLDER GROUP-ARGUMENT… VOLUME-ARGUMENT… DEVICE…: what `vgs` writes; what `lvs` writes, that and all else only if
    /// `vgs` wrote the tag (one that stands elsewhere as well costs time alone); the numbers of the devices; name and text of each
    /// profile of a fleet. Each is ended by a zero byte, and all of it by a dot.
    private static let script = #"""
        set -eu
        tag=$1 groups=$2 volumes=$3 folder=$4
        shift 4
        all=$(vgs "${@:1:groups}")
        printf '%s\0' "$all"
        if [[ $all == *"$tag"* ]]; then
            all=$(lvs "${@:groups+1:volumes}")
            printf '%s' "$all"
            shift $((groups + volumes))
            printf '\0'
            if (($#)); then stat --dereference --printf='%t %T %n\n' -- "$@" 2>/dev/null || true; fi
            printf '\0'
            for file in "$folder"/infra-*.profile; do
                [[ ! -f $file ]] || printf '%s\0%s\0' "${file##*/}" "$(tr -d '\0' <"$file")"
            done
        else
            printf '\0\0'
        fi
        printf .
        """#
}
