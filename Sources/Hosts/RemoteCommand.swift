/// A command on another host: program, arguments and input all travel as data on the standard input of one fixed text.
///
/// ssh(1) joins what it is given into one line for the login shell there. So that no value can be part of such a line, the
/// line is always `text`. It reads the number of arguments and what follows them, each ended by a zero byte, then the
/// arguments and a last word by which half a list is told from a whole one. Input of a known length is taken whole before
/// the program starts: one whose connection broke in the middle never looks like one that was shorter.
struct RemoteCommand {
    /// What the program reads.
    enum Input {
        /// This, then the end.
        case whole([UInt8])
        /// Whatever comes until the connection's end. The program has to know by itself whether it was all.
        case stream
    }

    /// The exit code when arguments or input did not arrive whole.
    static let isCutOff = 254
    /// What is said then.
    static let cutOffWords = "infra: the command did not arrive whole"

    let executable: String
    let arguments: [String]
    let input: Input
    /// After how many seconds the host itself ends the command; nil for one that ends with its input.
    let limit: Int?

    /// The line for the login shell. The input is counted in base64 without its padding, since only that has another
    /// length for each number of bytes; a variable of a shell holds no zero byte. No quote, backslash or exclamation mark inside, which shells read differently.
    static let text =
        "exec bash -c '"
        + #"fail() { echo "\#(cutOffWords)" >&2; exit \#(isCutOff); }; "#
        + #"mapfile -d "" -t -n 2 head; [ "${#head[@]}" = 2 ] || fail; "#
        + #"mapfile -d "" -t -n "${head[0]}" words; [ "${#words[@]}" = "${head[0]}" ] || fail; "#
        + #"[ "${words[-1]}" = end ] || fail; unset "words[-1]"; "#
        + #"set -- env -i PATH=\#(CommandRunner.searchPath) LC_ALL=C "${words[@]}"; "#
        + #"case ${head[1]} in stream) exec "$@" ;; 0) exec "$@" </dev/null ;; esac; "#
        + #"input=$(head -c "${head[1]}" | base64 -w 0); "#
        + #"bare=${input%%=*}; "#
        + #"[ "${#bare}" = "$(( (head[1] * 8 + 5) / 6 ))" ] || fail; "#
        + #"exec "$@" < <(printf %s "$input" | base64 -d)"#
        + "'"

    /// What is written before, or with, the program's input.
    var bytes: [UInt8] {
        let timed = limit.map { ["timeout", "--kill-after=2", String($0)] } ?? []
        let words = timed + [executable] + arguments + ["end"]
        let rest: (kind: String, bytes: [UInt8]) =
            switch input {
            case .whole(let bytes): (String(bytes.count), bytes)
            case .stream: ("stream", [])
            }
        // No C string has a zero byte inside; nor has a word here.
        let head = ([String(words.count), rest.kind] + words).flatMap { Array($0.utf8.filter { $0 != 0 }) + [0] }
        return head + rest.bytes
    }

    /// A word that a shell reads as itself: in single quotes, each single quote as `'\''`. Only for a terminal, where
    /// standard input is the person's.
    static func quoted(_ word: String) -> String { "'" + word.replacing("'", with: #"'\''"#) + "'" }
}
