# shellcheck shell=bash
# A host: one process in namespaces of its own (host-init) and what descends from it.
# Its folder holds: pid, cgroups (folders of ours), log, root (mount point), disk/{infra,libvirt} (what must lie on a real disk).

declare -A handshake=()

# The operator's ssh keys, as `infra --ssh-keys` takes them: a key that every host lets in, and known_hosts.
keys_make() {
    keys=$state/ssh
    mkdir -p -m 0700 "$keys"
    [[ -f $keys/id_ed25519 ]] || ssh-keygen -q -t ed25519 -N '' -C infra-lab -f "$keys/id_ed25519"
}

# A machine's own key outlives its process, as on a real machine.
host_key_make() { [[ -f $keys/$1 ]] || ssh-keygen -q -t ed25519 -N '' -C "$1" -f "$keys/$1"; }

known_hosts_make() {
    local file host type key
    for file in "$keys"/*-*.pub; do
        host=${file##*/} host=${host%.pub}
        read -r type key _ <"$file"
        printf '%s,%s,%s %s %s\n' "$("${host%-*}_address" "${host##*-}")" "$("${host%-*}_address6" "${host##*-}")" "$host" "$type" "$key"
    done >"$keys/known_hosts"
}

host_begin() {
    local folder=$state/host-$1 output
    if whole "$folder"; then return; fi
    host_remove "$folder"
    mkdir -p "$folder"/{root,disk/infra,disk/libvirt/{boot,images,qemu}}
    setfattr -n user.infra-lab -v yes "$folder/disk" 2>/dev/null ||
        fail "$root_state takes no user.* attributes; set INFRA_LAB_STATE to a folder on ext4, xfs or btrfs"
    cgroups_make "$folder" "infra-lab-$name-host-$1"
    # The process first enters its cgroups, then namespaces: so these folders are the roots that it sees.
    exec {output}< <(
        exec </dev/null 2>"$folder/log"
        close_inherited
        cgroups_enter "$folder"
        exec setsid unshare --net --mount --uts --ipc --cgroup --pid --fork --kill-child -- \
            bash "$here/host-init" infra-lab-machine "$folder" "$1" "$(host_address "$1")" "$name" "$repository" "$root_state" "$keys"
    )
    handshake[$1]=$output
}

host_finish() {
    local number=$1 total=$2 folder=$state/host-$1 pid word
    local output=${handshake[$1]-}
    if [[ -n $output ]]; then
        read -r -t 20 pid <&"$output" || fail "host-$number does not start: $(<"$folder/log")"
        remember_pid "$folder" "$pid"
        network_join "$number" "$pid"
        # The end of the file comes when the process dies, the time limit when it hangs.
        read -r -t 60 word <&"$output" && [[ $word == ready ]] || fail "host-$number does not come up: $(tail -n 20 "$folder/log")"
        exec {output}<&-
    else
        # It runs; its daemons may have been ended by a test.
        (close_inherited && run "host-$number" bash "$here/host-daemons")
    fi
    host_names "$total" | (run "host-$number" bash -c "$host_names_take")
    : >"$folder/whole"
    printf 'host-%s  %s  up\n' "$number" "$(host_address "$number")"
}

# Every machine knows the others by name: host-1 … host-$1 and the VMs that there are.
host_names() {
    local i folder
    for ((i = 1; i <= $1; i++)); do printf '%s host-%d\n' "$(host_address "$i")" "$i"; done
    for folder in "$state"/vm-*; do
        [[ ! -d $folder ]] || printf '%s %s\n' "$(vm_address "${folder##*-}")" "${folder##*/}"
    done
}
host_names_take='sed -i "/ \(host\|vm\)-[0-9]*$/d" /etc/hosts; cat >>/etc/hosts'

host_remove() {
    local folder=$1 directory tries
    end_process "$folder"
    end_unrecorded "$folder"
    if [[ -f $folder/cgroups ]]; then
        while read -r directory; do
            # Killed processes leave a moment later.
            for ((tries = 0; tries < 200; tries++)); do
                [[ -d $directory ]] || break
                find "$directory" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.02
            done
            [[ ! -d $directory ]] || fail "cannot remove $directory"
        done <"$folder/cgroups"
    fi
    rm -rf --one-file-system "$folder"
}

host_status() {
    local folder=$1 host=${1##*/} number=${1##*-} pid domains
    if ! whole "$folder"; then
        printf '%-8s  down\n' "$host"
        return 1
    fi
    pid=$(pid_of "$folder")
    if domains=$(run "$host" timeout 5 virsh -q -c qemu:///system list --name 2>/dev/null); then
        printf '%-8s  up    pid %s  %s  %s domains run\n' "$host" "$pid" "$(host_address "$number")" "$(grep -c . <<<"$domains" || true)"
    else
        printf '%-8s  up    pid %s  %s  libvirtd does not answer\n' "$host" "$pid" "$(host_address "$number")"
        return 1
    fi
}

# A folder in each cgroup hierarchy, with the folder `init` for the host's own processes in version 2, below the cgroup in which we are (version 1) or at the top (version 2, where a cgroup
# with processes in it can have no children with controllers).
cgroups_make() {
    local folder=$1 label=$2 controllers path mount directory
    : >"$folder/cgroups"
    while IFS=: read -r _ controllers path; do
        if [[ -n $controllers ]]; then
            mount=/sys/fs/cgroup/${controllers#name=}
        elif [[ -f /sys/fs/cgroup/cgroup.controllers ]]; then
            mount=/sys/fs/cgroup path=/
        else
            mount=/sys/fs/cgroup/unified
        fi
        [[ -d $mount$path ]] || continue
        directory=$mount${path%/}/$label
        printf '%s\n' "$directory" >>"$folder/cgroups"
        mkdir -p "$directory"
        if [[ ,$controllers, == *,cpuset,* ]]; then
            cat "$mount$path/cpuset.cpus" >"$directory/cpuset.cpus"
            cat "$mount$path/cpuset.mems" >"$directory/cpuset.mems"
        fi
    done </proc/self/cgroup
}

cgroups_enter() {
    local directory
    while read -r directory; do
        [[ ! -d $directory/init ]] || directory+=/init
        printf '%s' "$BASHPID" >"$directory/cgroup.procs"
    done <"$1/cgroups"
}
