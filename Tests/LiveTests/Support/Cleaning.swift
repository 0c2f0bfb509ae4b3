import Foundation
import Model

/// Gives the body a fleet, and afterwards, however the body ends, takes away whatever the fleet has on the host.
func withFleet(_ name: String, _ body: (TestFleet) async throws -> Void) async throws {
    let fleet = try await TestFleet(name)
    try await ending({ try await fleet.wipe(fleet.home) }, after: { try await body(fleet) })
}

/// Runs the body, and afterwards the end, however the body ends; what the body throws counts.
func ending(_ end: () async throws -> Void, after body: () async throws -> Void) async throws {
    do {
        try await body()
    } catch {
        try? await end()
        throw error
    }
    try await end()
}

extension TestFleet {
    /// Removes all that carries the fleet's mark, and a folder, by default the pool's. By other tools than the one under
    /// test, which may be what is broken.
    func wipe(_ folder: String? = nil) async throws {
        try await sh(Self.wiping, id.lowercased, folder ?? pool)
    }

    /// FLEET FOLDER: removes all that carries a fleet's mark from a host, and a folder.
    static let wiping = #"""
        fleet=$1 short=${1%%-*}
        for domain in $(virsh list --all --uuid); do
            [[ $(virsh dumpxml --inactive "$domain") == *fleet=?$fleet* ]] || continue
            virsh destroy "$domain" >/dev/null 2>&1 || true
            virsh undefine "$domain" --nvram --managed-save --snapshots-metadata >/dev/null
        done
        for pool in $(virsh pool-list --all --name); do
            [[ $pool == infra-$short-* ]] || continue
            virsh pool-destroy "$pool" >/dev/null 2>&1 || true
            virsh pool-undefine "$pool" >/dev/null
        done
        for link in /sys/class/net/*; do
            if [[ $(cat "$link/ifalias") == infra:$fleet:* ]]; then ip link del "${link##*/}"; fi
        done
        for path in /run/netns/in???????????; do
            name=${path##*/}
            [[ -e $path && $(ip -n "$name" -d link show lo) == *"alias infra:$fleet:"* ]] || continue
            for process in $(ip netns pids "$name"); do kill "$process"; done
            ip netns del "$name"
            rm -rf -- "/var/lib/infra-dhcp/$name"
        done
        nft delete table bridge "infra_$short" 2>/dev/null || true
        rm -f -- /etc/systemd/network/50-infra-"$short"-* /etc/systemd/system/infra-"$short"-firewall.* \
            /etc/systemd/system/50-infra-"$short"-* /etc/systemd/system/*.wants/50-infra-"$short"-* \
            /etc/systemd/system/sysinit.target.wants/infra-"$short"-firewall.service
        rm -rf -- "$2" "/var/lib/infra/$fleet.json" /var/log/libvirt/qemu/infra-"$short"-*
        """#
}
