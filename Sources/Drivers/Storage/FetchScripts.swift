/// The fixed texts that fetch over HTTP on the host, by curl(1). What is asked for, and at which addresses, comes on standard
/// input as curl's configuration: a URL may hold a token, which no argument vector shows.
enum FetchScripts {
    /// No file of the user's is read. No proxy is asked, which would look up names by itself. Redirects are not followed:
    /// where one leads is looked at first.
    private static let options =
        "--disable --config - --silent --show-error --globoff --noproxy '*' --proto '=http,https' --tlsv1.2 --connect-timeout 30"

    /// Asks for the first byte. Writes the answers' headers, and behind them the last one's status, the location it names
    /// and curl's exit code, a line each.
    static let ask = #"""
        set -eu
        trap '' PIPE
        code=0
        curl \#(options) --max-time 60 --range 0-0 --dump-header - --output >(head --bytes=1 >/dev/null) \
            --write-out '%{http_code}\n%{redirect_url}\n' || code=$?
        printf '%s\n' "$code"
        """#

    /// PART LIMIT, in KiB: fetches what is missing of a file. Writes a point now and then, so that it ends with whoever
    /// started it, then the answer's status, if there was one, and curl's exit code, a line each.
    static let fetch = #"""
        [[ ! -L $1 && ( ! -e $1 || -f $1 ) ]] || refuse "$1 is not a plain file"
        exec {input}<&0
        ulimit -c 0 -f "$2"
        curl \#(options) --fail --continue-at - --speed-limit 1024 --speed-time 60 --output "$1" \
            --write-out '\n%{http_code}\n' <&"$input" {input}<&- &
        curl=$!
        trap 'kill "$curl" 2>/dev/null || true' EXIT
        while kill -0 "$curl" 2>/dev/null; do
            printf .
            sleep 0.3
        done
        code=0
        wait "$curl" || code=$?
        printf '\n%s\n' "$code"
        """#

    /// PART: how many bytes it has and how many are free beside it.
    static let room = #"""
        set -eu
        if [[ -f $1 && ! -L $1 ]]; then stat --printf='%s\n' -- "$1"; else echo 0; fi
        df --block-size=1 --output=avail -- "$(dirname -- "$1")" | tail -n 1
        """#
}
