import TestSupport

/// A service as systemd would run it, as far as that can be done without systemd.
enum ServiceUnit {
    /// PROGRAM ENVIRONMENT UNIT [DROP-IN…]: the command line from `ExecStart` and the environment file, the folders made
    /// before, umask, capabilities; and where the unit asks for any of it, file systems of its own, read-only but for what
    /// it names. Lists of several lines are one, which an empty line begins anew (systemd.unit(5), systemd.exec(5)). Calls
    /// and address families are not held back.
    static let run =
        values + #"""
            program=$1 environment=$2
            while IFS='=' read -r name text; do export "$name=$text"; done <"$environment"
            shift 2
            install -d -m "$(value StateDirectoryMode "$@")" /var/lib/infra/watch
            install -d -m "$(value RuntimeDirectoryMode "$@")" "/run/$(value RuntimeDirectory "$@")"
            umask "$(value UMask "$@")"
            read -ra capabilities < <(values CapabilityBoundingSet "$@" | xargs | tr A-Z a-z)
            bounding=-all
            for name in "${capabilities[@]}"; do bounding+=,+${name#cap_}; done
            command=$(value ExecStart "$@")
            [[ $command == '/usr/local/bin/infra watch '* ]]
            # As systemd does: ${NAME} is one word, $NAME is taken apart.
            eval "arguments=(${command#/usr/local/bin/infra})"
            run=(setpriv --bounding-set "$bounding" --inh-caps=-all --no-new-privs "$program" "${arguments[@]}")
            [[ $(value ProtectSystem "$@") == strict ]] || exec "${run[@]}"
            set -- $(values ReadWritePaths "$@") /var/lib/infra "/run/$(value RuntimeDirectory "$@")" -- "${run[@]}"
            exec unshare --mount --propagation slave -- bash -euo pipefail -c "$SANDBOX" bash "$@"
            """#

    /// PATH… -- COMMAND: what `ProtectSystem=strict`, `ProtectHome`, `PrivateTmp` and `ProtectKernelTunables` make of the
    /// mounts, and the command in it. A path that has a dash before it may be missing.
    private static let sandbox = #"""
        writable=(/tmp /var/tmp)
        mount -t tmpfs tmpfs /tmp
        mount -t tmpfs tmpfs /var/tmp
        while [[ $1 != -- ]]; do
            path=${1#-}
            if [[ -e $path || $1 != -* ]]; then
                mount --rbind "$path" "$path"
                writable+=("$path")
            fi
            shift
        done
        shift
        for path in /home /root; do mount -t tmpfs -o ro,mode=000 tmpfs "$path"; done
        mount --bind /proc/sys /proc/sys
        mount -o remount,bind,ro /proc/sys
        mount -o remount,bind,ro /sys
        while IFS= read -r target; do
            case $target/ in /proc/* | /sys/* | /dev/*) continue ;; esac
            for path in "${writable[@]}"; do [[ $target/ != "$path"/* ]] || continue 2; done
            mount -o remount,bind,ro "$target"
        done < <(findmnt -rno TARGET | sort -u)
        exec "$@"
        """#

    private static let values = """
        SANDBOX=$(cat <<'TEXT'
        \(sandbox)
        TEXT
        )
        export SANDBOX
        values() {
            local name=$1 line
            local -a all=()
            shift
            while IFS= read -r line; do
                line=${line#*=}
                if [[ $line ]]; then all+=("$line"); else all=(); fi
            done < <(sed -n "s/^$name=/=/p" "$@")
            printf '%s\\n' "${all[@]}"
        }
        value() { values "$@" | tail -n 1; }

        """
}

/// As on a host where systemd and systemd-networkd run, as far as anybody can tell.
func withSystemd(_ body: () async throws -> Void) async throws {
    try await sh("mkdir -p /run/systemd/system /run/systemd/netif")
    do {
        try await body()
    } catch {
        _ = try? await sh("rmdir /run/systemd/system /run/systemd/netif")
        throw error
    }
    try await sh("rmdir /run/systemd/system /run/systemd/netif")
}
