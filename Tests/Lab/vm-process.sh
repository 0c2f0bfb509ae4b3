# shellcheck shell=bash
# A VM's QEMU, and talking to it and to the agent inside. Its folder holds: pid, whole, log, root.qcow2, lvm-1.raw, lvm-2.raw,
# console.log and pipes, qmp.{in,out} to QEMU's monitor and agent.{in,out} to the agent.
# A saved state fits only the same devices at the same places: `vm_start` is what vm-state saves and what `up` restores.

vm_memory=2048 # MiB
vm_disk=4G     # of each disk for LVM, sparse

# The disks of folder $1: what is written to image $2, of format $3, goes into a file of its own; the disks for LVM are new.
vm_disks() {
    rm -f "$1"/{root.qcow2,lvm-1.raw,lvm-2.raw}
    qemu-img create -q -f qcow2 -F "$3" -b "$2" "$1/root.qcow2"
    truncate -s "$vm_disk" "$1/lvm-1.raw" "$1/lvm-2.raw"
}

# Starts QEMU for folder $1 with kernel and initrd from folder $2, tap $3 and MAC $4, in the network into which the command $5
# leads, and further arguments. It ends with its pid namespace, so nothing that it starts stays.
vm_start() {
    local folder=$1 image=$2 tap=$3 mac=$4 network=$5 pid
    shift 5
    rm -f "$folder"/{qmp,agent}.{in,out}
    mkfifo -m 0600 "$folder"/{qmp,agent}.{in,out}
    # shellcheck disable=SC2016 # for the other shell
    read -r pid < <(
        exec </dev/null 2>"$folder/log"
        close_inherited
        cd "$folder"
        # shellcheck disable=SC2086 # a command of words
        exec setsid $network unshare --pid --fork --kill-child -- bash -c '
            read -r pid _ </proc/self/stat
            echo "$pid"
            shift
            exec "$@" >&2' infra-lab-machine "$folder" \
            qemu-system-x86_64 -name "$tap" -nodefaults -no-user-config -display none \
            -machine q35 -accel tcg,tb-size=512 -cpu max -smp 2 -m "$vm_memory" -rtc base=utc \
            -kernel "$image/vmlinuz" -initrd "$image/initrd" \
            -append 'root=/dev/vda rootfstype=ext4 rw console=ttyS0 net.ifnames=0 no_timer_check fsck.mode=skip quiet' \
            -netdev "tap,id=net,ifname=$tap,script=no,downscript=no,vhost=off" \
            -device "virtio-net-pci,netdev=net,mac=$mac,addr=0x2" \
            -drive file=root.qcow2,if=none,id=root,cache=unsafe,discard=unmap \
            -device virtio-blk-pci,drive=root,addr=0x3 \
            -drive file=lvm-1.raw,format=raw,if=none,id=lvm-1,cache=unsafe,discard=unmap \
            -device virtio-blk-pci,drive=lvm-1,serial=lvm-1,addr=0x4 \
            -drive file=lvm-2.raw,format=raw,if=none,id=lvm-2,cache=unsafe,discard=unmap \
            -device virtio-blk-pci,drive=lvm-2,serial=lvm-2,addr=0x5 \
            -device virtio-serial-pci,addr=0x6 -chardev pipe,id=agent,path=agent \
            -device virtserialport,chardev=agent,name=infra.lab \
            -device virtio-balloon-pci,free-page-reporting=on,addr=0x7 \
            -chardev file,id=console,path=console.log -device isa-serial,chardev=console \
            -chardev pipe,id=qmp,path=qmp -mon chardev=qmp,mode=control "$@"
    ) || fail "QEMU does not start: $(<"$folder/log")"
    remember_pid "$folder" "$pid"
    vm_open "$folder"
    vm_line "$folder" "${qmp[1]}" 60 '*"QMP"*'
    qmp "$folder" '{"execute": "qmp_capabilities"}'
    # So that the end of a migration is told and need not be asked for.
    qmp "$folder" '{"execute": "migrate-set-capabilities", "arguments": {"capabilities": [{"capability": "events", "state": true}]}}'
}

# The pipes of folder $1, as `qmp` and `agent`: in, out. Opened for both ways, which waits for nobody.
vm_open() {
    exec {qmp[0]}<>"$1/qmp.in" {qmp[1]}<>"$1/qmp.out" {agent[0]}<>"$1/agent.in" {agent[1]}<>"$1/agent.out"
}

vm_close() {
    local end
    for end in "${qmp[@]}" "${agent[@]}"; do exec {end}>&-; done
}

# Waits at descriptor $2 for a line like $4, at most $3 seconds and while QEMU lives.
vm_line() {
    local folder=$1 from=$2 until=$((SECONDS + $3)) wanted=$4 line='' part code
    while :; do
        code=0
        IFS= read -r -t 1 -u "$from" part || code=$?
        line+=$part
        if ((code == 0)); then
            # shellcheck disable=SC2053 # a pattern
            [[ $line != $wanted ]] || return 0
            [[ $line != '{"error"'* && $line != *'"status": "failed"'* && $line != 'failed '* ]] ||
                fail "$folder: $line: $(tail -n 20 "$folder/log" "$folder/console.log")"
            line=
        fi
        alive "$folder" || fail "QEMU of $folder has ended: $(tail -n 20 "$folder/log")"
        ((SECONDS < until)) || fail "$folder waits in vain for $wanted: $(tail -n 20 "$folder/log" "$folder/console.log")"
    done
}

# One command of QEMU's monitor.
qmp() {
    printf '%s\n' "$2" >&"${qmp[0]}"
    vm_line "$1" "${qmp[1]}" 60 '{"return"*'
}

qmp_migrated() { vm_line "$1" "${qmp[1]}" 300 '*"MIGRATION"*"completed"*'; }

# A line for the agent in the machine, which says so when it has done it.
tell() {
    printf '%s\n' "$2" >&"${agent[0]}"
    vm_line "$1" "${agent[1]}" 600 "${2%% *}"
}
