/// The fixed texts that `bash -c` runs on the host for DHCP and DNS. Values come as arguments or on standard input. dnsmasq's
/// files are in `Network.Service.folder`.
enum ServiceScripts {
    /// What dnsmasq is started as, to the word: `running PID FOLDER` is true of no other process.
    private static let running = #"""
        running() {
            local words
            mapfile -d '' -t words 2>/dev/null <"/proc/$1/cmdline" || return
            [[ ${#words[@]} = 2 && ${words[0]} = dnsmasq && ${words[1]} = "--conf-file=$2/dnsmasq.conf" ]]
        }
        started() {
            local stat
            read -r -a stat 2>/dev/null <"/proc/$1/stat" && printf '%s' "${stat[21]}"
        }

        """#

    /// [NAME]: what is there of one namespace, or of all that have the form of ours. Fields end with a zero byte: name,
    /// links as `ip` writes them, three files, and the digest that dnsmasq has read if it runs. Nothing is written.
    static let list =
        running + #"""
            set -u
            shopt -s nullglob
            declare -A names=()
            for path in /run/netns/in??????????? /var/lib/infra-dhcp/in???????????; do names[${path##*/}]=; done
            [[ $# = 0 ]] || names=([$1]=)
            file() { [[ -f $1 && ! -L $1 ]] && printf '%s' "$(<"$1")"; printf '\0'; }
            for name in "${!names[@]}"; do
                folder=/var/lib/infra-dhcp/$name
                printf '%s\0' "$name"
                if [[ -e /run/netns/$name ]]; then
                    ip -n "$name" -details -json address show || printf unreadable
                fi
                printf '\0'
                file "$folder/dnsmasq.conf"
                file "$folder/leases"
                file "$folder/names"
                if [[ -f $folder/pid && -f $folder/loaded ]]; then
                    read -r pid <"$folder/pid"
                    read -r process start digest <"$folder/loaded"
                    if [[ $pid =~ ^[1-9][0-9]*$ && $pid = "$process" && /proc/$pid/ns/net -ef /run/netns/$name ]] &&
                        running "$pid" "$folder" && [[ $(started "$pid") = "$start" ]]; then
                        printf '%s' "$digest"
                    fi
                fi
                printf '\0'
            done
            """#

    private static let prelude =
        running + #"""
            set -euo pipefail
            umask 022
            folder=/var/lib/infra-dhcp/$1
            refuse() { printf '%s\n' "$*" >&2; exit 9; }
            # Ours is what runs in the namespace, or in none that has a name any more; never what runs where the host does.
            ours() {
                local path pid
                for path in /proc/[0-9]*; do
                    pid=${path#/proc/}
                    running "$pid" "$folder" || continue
                    [[ ! $path/ns/net -ef /proc/self/ns/net ]] && printf '%s\n' "$pid"
                done
                return 0
            }
            stop() {
                local pid tries
                for pid in $(ours); do
                    kill "$pid" 2>/dev/null || true
                    for ((tries = 0; tries < 250; tries++)); do
                        running "$pid" "$folder" || continue 2
                        sleep 0.02
                    done
                    kill -KILL "$pid" 2>/dev/null || true
                done
            }

            """#

    /// NAME CONF-BYTES LEASES-BYTES NAMES-BYTES, the three files on standard input: puts each in its place when whole.
    static let write =
        prelude + #"""
            [[ ! -L $folder ]] || refuse "$folder is a link"
            # Another network's removal takes the folder above when it is empty.
            mkdir -p "$folder" 2>/dev/null || mkdir -p "$folder" 2>/dev/null || mkdir -p "$folder"
            put() {
                head -c "$2" >"$folder/$1.staged"
                [[ $(stat -c %s "$folder/$1.staged") = "$2" ]] || refuse "$folder/$1 did not arrive whole"
            }
            put dnsmasq.conf "$2"
            put leases "$3"
            put names "$4"
            # What runs has read the old ones.
            rm -f "$folder/loaded"
            for file in dnsmasq.conf leases names; do mv -f "$folder/$file.staged" "$folder/$file"; done
            """#

    /// NAME DIGEST reload|restart: makes dnsmasq read its files, and notes which it has read.
    static let serve =
        prelude + #"""
            [[ -e /run/netns/$1 ]] || refuse "the namespace $1 is not there any more"
            if [[ $3 = reload ]]; then
                read -r pid <"$folder/pid"
                running "$pid" "$folder" || refuse "dnsmasq ended meanwhile"
                kill -HUP "$pid"
            else
                stop
                rm -f "$folder/pid"
                nsenter --net="/run/netns/$1" -- dnsmasq "--conf-file=$folder/dnsmasq.conf"
                read -r pid <"$folder/pid"
            fi
            start=$(started "$pid") || refuse "dnsmasq ended at once"
            printf '%s %s %s\n' "$pid" "$start" "$2" >"$folder/loaded.staged"
            mv -f "$folder/loaded.staged" "$folder/loaded"
            """#

    /// NAME: stops dnsmasq and removes its files.
    static let remove =
        prelude + #"""
            stop
            if [[ -d $folder && ! -L $folder ]]; then
                for file in dnsmasq.conf leases names pid loaded; do rm -f "$folder/$file" "$folder/$file.staged"; done
                rmdir "$folder"
                rmdir /var/lib/infra-dhcp 2>/dev/null || true
            fi
            """#
}
