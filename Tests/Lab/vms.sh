# shellcheck shell=bash
# A VM: QEMU without KVM in the underlay's network, restored from the state that vm-state saves, then told who it is.

vm_address() { printf '192.0.2.%d' $((100 + $1)); }
vm_address6() { printf '2001:db8::%d' $((100 + $1)); }

# Where image and saved state lie; all labs of a checkout share them.
vm_image=$repository/.build/vm
# The socket of the shared connection, in a VM's folder.
vm_connection=connection

vm_begin() {
    local folder=$state/vm-$1
    if whole "$folder"; then return; fi
    vm_remove "$folder"
    mkdir -p "$folder"
    ln -s "$vm_image/state/memory.zst" "$folder/memory.zst"
    vm_disks "$folder" "$vm_image/state/root.qcow2" qcow2
    vm_start "$folder" "$vm_image" "vm-$1" "$(vm_mac "$1")" \
        "nsenter --target $(pid_of "$state/underlay") --net --" -incoming defer
    # It goes on while the next one starts.
    printf '{"execute": "migrate-incoming", "arguments": {"uri": "exec:zstd -q -d <memory.zst"}}\n' >&"${qmp[0]}"
    vm_close
}

vm_finish() {
    local number=$1 folder=$state/vm-$1 underlay
    if ! whole "$folder"; then
        vm_open "$folder"
        qmp_migrated "$folder"
        qmp "$folder" '{"execute": "cont"}'
        underlay=$(pid_of "$state/underlay")
        in_network "$underlay" ip link set "vm-$number" addrgenmode none up
        tell "$folder" "identity $(date +%s) $(head -c 64 /dev/urandom | base64 -w 0) $(vm_identity "$number" | base64 -w 0)"
        # Before, it had the address of the machine that was saved, and so no place on the bridge.
        in_network "$underlay" ip link set "vm-$number" master underlay
        vm_close
    fi
    (host_names "$2" | vm_exec '' "vm-$number" bash -c "$host_names_take") || fail "vm-$number does not let us in"
    : >"$folder/whole"
    printf 'vm-%s    %s  up\n' "$number" "$(vm_address "$number")"
}

vm_mac() { printf '02:00:c0:00:02:%02x' $((100 + $1)); }

# The files that make VM number $1 a machine of its own, as a tar.gz.
vm_identity() {
    local vm=vm-$1 root=$state/vm-$1/identity sum
    mkdir -p "$root"/etc/{ssh,systemd/network} "$root/root/.ssh"
    chmod 0700 "$root/root" "$root/root/.ssh"
    sum=$(md5sum <<<"infra-lab $name $vm")
    printf '%s\n' "$vm" >"$root/etc/hostname"
    printf '%s\n' "${sum%% *}" >"$root/etc/machine-id"
    install -m 0600 "$keys/$vm" "$root/etc/ssh/ssh_host_ed25519_key"
    install -m 0644 "$keys/$vm.pub" "$root/etc/ssh/ssh_host_ed25519_key.pub"
    install -m 0600 "$keys/id_ed25519.pub" "$root/root/.ssh/authorized_keys"
    cat >"$root/etc/systemd/network/10-eth0.network" <<TEXT
[Match]
Name=eth0
[Link]
MACAddress=$(vm_mac "$1")
[Network]
Address=$(vm_address "$1")/24
Address=$(vm_address6 "$1")/64
IPv6AcceptRA=no
IPv6DuplicateAddressDetection=0
TEXT
    tar -C "$root" --owner=0 --group=0 -cz .
}

# In place of this shell. The command ends with the connection, since sshd, its parent, then does; and the connection with the
# machine. A connection that is shared, $1, stays until the machine ends: making one takes an emulated machine a second, and
# a command through it is not ended with us.
vm_exec() {
    local shared=$1 vm=$2 terminal=() way=() binding='setpriv --pdeathsig TERM --'
    shift 2
    [[ ! -t 0 || ! -t 1 ]] || terminal=(-t)
    if [[ $shared ]]; then
        way=(-o ControlMaster=auto -o ControlPersist=yes -o "ControlPath=$state/$vm/$vm_connection") binding=
    fi
    exec nsenter --target "$(pid_of "$state/underlay")" --net -- \
        ssh -F none "${terminal[@]}" "${way[@]}" -i "$state/ssh/id_ed25519" -o IdentitiesOnly=yes -o BatchMode=yes -o LogLevel=ERROR \
        -o "UserKnownHostsFile=$state/ssh/known_hosts" -o ConnectTimeout=30 -o ServerAliveInterval=10 -o ServerAliveCountMax=12 \
        "root@$(vm_address "${vm#vm-}")" "INFRA_LAB_HOST=$vm exec $binding ${*@Q}"
}

# Ends the shared connection, if there is one, to the VM of folder $1.
vm_disconnect() {
    [[ ! -S $1/$vm_connection ]] || ssh -F none -o "ControlPath=$1/$vm_connection" -O exit vm 2>/dev/null || true
}

vm_remove() {
    vm_disconnect "$1"
    end_process "$1"
    end_unrecorded "$1"
    rm -rf --one-file-system "$1"
}

vm_status() {
    local folder=$1 vm=${1##*/} domains
    if ! whole "$folder"; then
        printf '%-8s  down\n' "$vm"
        return 1
    fi
    if domains=$(vm_exec '' "$vm" timeout 20 virsh -q -c qemu:///system list --name 2>/dev/null); then
        printf '%-8s  up    pid %s  %s  %s domains run\n' "$vm" "$(pid_of "$folder")" "$(vm_address "${vm#vm-}")" \
            "$(grep -c . <<<"$domains" || true)"
    else
        printf '%-8s  up    pid %s  %s  libvirtd does not answer\n' "$vm" "$(pid_of "$folder")" "$(vm_address "${vm#vm-}")"
        return 1
    fi
}
