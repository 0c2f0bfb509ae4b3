# shellcheck shell=bash
# Processes by pid and start time, so that a pid used again is never taken for ours.
# A machine's folder holds the file `pid`, "<pid> <start time> <boot id>", and the file `whole` once all of it is set up.

start_time() {
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    stat=${stat##*) } # the name may hold spaces and brackets
    # shellcheck disable=SC2086 # fields
    set -- $stat
    [[ $1 != Z ]] || return 1
    printf '%s' "${20}"
}

remember_pid() {
    printf '%s %s %s\n' "$2" "$(start_time "$2")" "$(</proc/sys/kernel/random/boot_id)" >"$1/pid.new"
    mv "$1/pid.new" "$1/pid"
}

pid_of() {
    local pid
    read -r pid _ <"$1/pid"
    printf '%s' "$pid"
}

alive() {
    local pid started boot
    { read -r pid started boot <"$1/pid"; } 2>/dev/null || return 1
    [[ $boot == "$(</proc/sys/kernel/random/boot_id)" && $(start_time "$pid") == "$started" ]]
}

# Not alive only: a killed `up` may have left it half made.
whole() { [[ -f $1/whole ]] && alive "$1"; }

# Ends the process of a machine's folder, and with it its pid namespace, and waits until it is gone.
end_process() {
    local tries
    alive "$1" || return 0
    kill -KILL "$(pid_of "$1")" 2>/dev/null || true
    for ((tries = 0; tries < 1000; tries++)); do
        alive "$1" || return 0
        sleep 0.01
    done
    fail "process $(pid_of "$1") of $1 does not end"
}

# A process that a killed `up` had started but not yet written down: its command line names the folder.
end_unrecorded() {
    local file arguments
    for file in /proc/[0-9]*/cmdline; do
        { mapfile -d '' -t arguments <"$file"; } 2>/dev/null || continue
        case " ${arguments[*]-} " in
        *" infra-lab-machine $1 "*) kill -KILL "$(cut -d/ -f3 <<<"$file")" 2>/dev/null || true ;;
        esac
    done
}

# What stays must hold nothing of its starter's open, or whoever waits for the end of that file waits for ever.
close_inherited() {
    local fd
    for fd in /proc/"$BASHPID"/fd/*; do
        fd=${fd##*/}
        if ((fd > 2 && fd != 255)); then exec {fd}>&-; fi
    done
}
