/// A guest as far as DHCP and DNS can tell: a network namespace behind a pair of veth whose end has the name of the guest's
/// link, so that the firewall's rules are about it. The scripts are for whatever runs them on the host.
enum LeaseClient {
    /// NAMESPACE LINK MAC BRIDGE: makes it.
    static let make = #"""
        ip netns add "$1"
        ip link add "$2" type veth peer name eth0 address "$3" netns "$1"
        ip link set "$2" addrgenmode none master "$4" up
        ip -n "$1" link set lo up
        ip -n "$1" link set eth0 addrgenmode none up
        """#

    /// NAMESPACE: asks for an address, and says what it is told; "none" after three requests without an answer.
    static let ask = #"""
        told=$(mktemp -d)
        printf '#!/bin/sh\n[ "$1" != bound ] || echo "$ip/$mask router $router dns $dns mtu $mtu lease $lease from $serverid" >%s/told\n' \
            "$told" >"$told/script"
        chmod 755 "$told/script"
        ip netns exec "$1" busybox udhcpc -f -q -n -i eth0 -O mtu -s "$told/script" -t 3 -T 1 -A 1 >/dev/null 2>&1 || true
        cat "$told/told" 2>/dev/null || echo none
        rm -r "$told"
        """#

    /// NAMESPACE ADDRESS NAME SERVER: takes the address, and no other, and says what DNS has for the name.
    static let resolve = #"""
        ip -n "$1" addr flush dev eth0
        ip -n "$1" addr add "$2/24" dev eth0
        { ip netns exec "$1" busybox nslookup -type=a "$3" "$4" || true; } | sed -n '/^Name:/,$s/^Address: *//p' | paste -s -d ' '
        """#
}
