/// Several commands that only look, run one after the other by one fixed text. Their arguments are data.
struct CommandSeries {
    let calls: [CommandCall]

    init(_ calls: [CommandCall]) { self.calls = calls }

    /// For `bash -c`; the arguments are, for each command, how many words it has, and the words. What is written begins
    /// with a word that nobody could know before, and after each command that word stands between zero bytes, then its
    /// exit code: so nothing that a command writes can be taken for a border. The same on standard error. What is a text for
    /// `bash -c` itself runs in a process that is bash already.
    private static let text = #"""
        set -u
        script() {
            local series_text=$1
            shift 2
            eval "$series_text"
        }
        read -r border </proc/sys/kernel/random/uuid
        printf '%s\0' "$border"
        printf '%s\0' "$border" >&2
        while (($#)); do
            if [[ $2 == bash && ${3-} == -c ]]; then (script "${@:4:$1-2}") </dev/null; else "${@:2:$1}" </dev/null; fi
            printf '\0%s\0%s\0' "$border" "$?"
            printf '\0%s\0' "$border" >&2
            shift $(($1 + 1))
        done
        """#

    /// Runs them.
    ///
    /// - Throws: what keeps all of them from being answered.
    func run(_ runner: CommandRunner) async throws(HostError) -> [Result<CommandOutput, HostError>] {
        let words = calls.flatMap { [String($0.arguments.count + 1), $0.executable] + $0.arguments }
        let raw = try await runner.end(
            "bash", ["-c", Self.text, "infra-series"] + words, deadline: calls.map(\.deadline).min() ?? .zero,
            outputLimit: calls.reduce(1 << 16) { $0 + $1.outputLimit })
        return try outputs(raw)
    }

    /// Takes apart what was written.
    ///
    /// - Throws: `.unreadable` when that is not whole.
    func outputs(_ raw: CommandRunner.RawOutput) throws(HostError) -> [Result<CommandOutput, HostError>] {
        var output = Parts(raw.output)
        var errors = Parts(raw.error)
        var results: [Result<CommandOutput, HostError>] = []
        for call in calls {
            guard let written = output.next(), let status = output.word().flatMap({ Int($0) }),
                let words = errors.next()
            else { throw .unreadable("the host did not answer all questions") }
            results.append(
                Result { () throws(HostError) in
                    try call.output(CommandRunner.RawOutput(status: status, output: written, error: words))
                })
        }
        return results
    }
}

/// What stands between borders.
private struct Parts {
    private var rest: ArraySlice<UInt8>
    private let border: [UInt8]

    init(_ bytes: [UInt8]) {
        rest = bytes[...]
        guard let end = bytes.firstIndex(of: 0) else {
            border = []
            rest = []
            return
        }
        border = [0] + bytes[..<end] + [0]
        rest = bytes[(end + 1)...]
    }

    /// What stands before the next border; nil when there is none.
    mutating func next() -> [UInt8]? {
        guard let range = range(of: border) else { return nil }
        defer { rest = rest[range.upperBound...] }
        return Array(rest[..<range.lowerBound])
    }

    /// What stands before the next zero byte.
    mutating func word() -> String? {
        guard let end = rest.firstIndex(of: 0) else { return nil }
        defer { rest = rest[(end + 1)...] }
        return String(decoding: rest[..<end], as: UTF8.self)
    }

    private func range(of bytes: [UInt8]) -> Range<Int>? {
        guard !bytes.isEmpty else { return nil }
        var start = rest.startIndex
        while let zero = rest[start...].firstIndex(of: 0) {
            if rest[zero...].starts(with: bytes) { return zero..<zero + bytes.count }
            start = zero + 1
        }
        return nil
    }
}
