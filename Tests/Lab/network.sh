# shellcheck shell=bash
# The underlay: the operator's network namespace, with a bridge to which every host is joined by a veth.
# Namespaces are held by processes, not by names: nothing is made in the root network namespace, not even for a moment.

underlay_address=192.0.2.1

underlay_address6=2001:db8::1

host_address() { printf '192.0.2.%d' $((10 + $1)); }
host_address6() { printf '2001:db8::%d' $((10 + $1)); }

in_network() {
    local pid=$1
    shift
    nsenter --target "$pid" --net -- "$@"
}

underlay_up() {
    local folder=$state/underlay pid
    whole "$folder" && return
    underlay_down
    rm -rf --one-file-system "$folder"
    mkdir -p "$folder"
    # shellcheck disable=SC2016 # for the other shell
    read -r pid < <(
        exec </dev/null 2>"$folder/log"
        close_inherited
        exec setsid unshare --net -- bash -c 'echo $$; exec >&2 -a "infra-lab-machine $1" sleep infinity' infra-lab-machine "$folder"
    ) ||
        fail "the underlay does not start: $(<"$folder/log")"
    remember_pid "$folder" "$pid"
    # The bridge's MAC is set, else it changes with its ports.
    in_network "$pid" ip -batch - <<TEXT || fail "the underlay's bridge cannot be made"
link set lo up
link add underlay address 02:00:c0:00:02:01 type bridge
link set underlay up
address add $underlay_address/24 dev underlay
address add $underlay_address6/64 dev underlay nodad
TEXT
    : >"$folder/whole"
}

underlay_down() {
    end_process "$state/underlay"
    end_unrecorded "$state/underlay"
}

# Joins host number $1, whose init is process $2, to the underlay.
network_join() {
    local number=$1 pid=$2 underlay mac
    underlay=$(pid_of "$state/underlay")
    mac=$(printf '02:00:c0:00:02:%02x' $((10 + number)))
    in_network "$underlay" ip link add "host-$number" type veth peer name eth0 address "$mac" netns "$pid" ||
        fail "host-$number cannot be joined to the underlay"
    in_network "$underlay" ip link set "host-$number" master underlay up
    in_network "$pid" ip -batch - <<TEXT || fail "the network of host-$number cannot be set up"
link set lo up
link set eth0 up
address add $(host_address "$number")/24 dev eth0
address add $(host_address6 "$number")/64 dev eth0 nodad
TEXT
}
