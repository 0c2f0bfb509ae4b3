import Model

extension HostLock {
    /// The lock's file in the lock folder. Its text says who holds it.
    public static let file = "infra"
    /// The file on which commands that write hold a shared lock while they run.
    public static let workFile = "infra.work"

    /// The lock's file of who works among the watchers of a fleet.
    static func leaderFile(_ identity: Identity) -> String { "infra.leader.\(identity.fleet8)" }

    /// The process on the host that holds the lock, for `bash -c`. Arguments: the lock folder, the seconds of silence
    /// after which it ends, the lock's file, the file that commands that write hold, or nothing. The first line of its input is the text for the lock's file; every further line is
    /// answered. It ends at the end of its input, and the kernel frees its locks with it.
    ///
    /// `protected_symlinks` does not hold everywhere, so what is not a plain file of ours is refused.
    static let helper = #"""
        set -u
        umask 077
        lock=$1/$3 work=${4:+$1/$4} silence=$2
        for file in "$lock" ${work:+"$work"}; do
            if [[ -L $file ]] || [[ -e $file && ! ( -f $file && -O $file ) ]]; then
                printf 'refused %s is not a plain file of this user\n' "$file"
                exit 1
            fi
        done
        exec 8<>"$lock" 9<>"${work:-/dev/null}" || { printf 'refused %s cannot be opened\n' "$lock"; exit 1; }
        IFS= read -r -t "$silence" holder || exit 0
        # wait_for WORD TEXT: tells what we wait for, then pauses; ends this process with its input.
        wait_for() {
            printf '%s %s\n' "$1" "$2" || exit 0
            read -r -t 0.2 _ || (($? > 128)) || exit 0
        }
        until flock --nonblock 8; do wait_for locked "$(head -n 1 -- "$lock")"; done
        before=$(head -n 1 -- "$lock")
        printf '%s\n' "$holder" >"$lock"
        if [[ -n $work ]]; then
            until flock --nonblock 9; do wait_for busy "$before"; done
        fi
        exec 9>&-
        printf 'held\n' || exit 0
        while read -r -t "$silence" asked; do printf 'alive %s\n' "$asked" || exit 0; done
        """#
}
