import Model

/// What is on the host, as text, by tools that are not ours. Two equal texts are two equal hosts.
enum HostState {
    /// Which objects there are: domains with their state, pools, bridges and VXLAN links with their marks and FDB, files
    /// with their marks, and the folders in which a run keeps things for a moment. Not what changes from one making to
    /// the next: salts, times, the numbers of taps.
    static func objects() async throws -> String {
        try await sh(
            #"""
            for domain in $(virsh list --all --name | sort); do
                echo "domain $domain $(virsh domuuid "$domain") $(virsh domstate "$domain" | head -n 1)" \
                    "$(virsh dominfo "$domain" | grep -E 'Autostart|Persistent' | tr -s ' \n' ' ')"
            done
            virsh pool-list --all | tail -n +3 | sort | tr -s ' '
            ip -d -j link show | jq -r '.[] | select(.linkinfo.info_kind | IN("bridge", "vxlan"))
                | [.ifname, .ifalias, .master, .mtu, .address, .operstate, .linkinfo.info_data.id] | @text' | sort
            for link in /sys/class/net/iv*; do
                if [[ -e $link ]]; then bridge fdb show dev "${link##*/}" | grep 00:00:00:00:00:00 || true; fi
            done
            find /var/lib/infra -printf '%y %m %p\n' | sort
            getfattr -R -h --absolute-names -d -m '^user\.infra$' /var/lib/infra |
                sed -E 's/"(salt|digest)\\?":\\?"[^"]*"//g' | paste -s -d ' '
            find /run/infra /run/lock -printf '%y %p\n' | grep -v accelerator | sort
            """#)
    }

    /// Everything of a fleet, byte for byte: definitions, links, what is in the files of its pool.
    static func frozen(_ fleet: TestFleet, domains: String...) async throws -> String {
        var text = try await sh(
            #"""
            cd "$1"
            find . -type f -printf '%p %m %s %T@\n' | sort
            find . -type f -print0 | sort -z | xargs -0 -r sha256sum
            getfattr -R -h -d . | sort
            virsh pool-dumpxml "infra-${2%%-*}-disks" | grep -v '<available\|<allocation'
            ip -d -j link show | jq -c ".[] | select(.ifalias // \"\" | contains(\"$2\"))
                | [.ifindex, .ifname, .ifalias, .master, .mtu, .address, .operstate, .linkinfo.info_data.id]"
            """#, fleet.pool, fleet.id.lowercased)
        for domain in domains {
            text += try await sh(#"virsh dumpxml --security-info "$1" | grep -v currentMemory"#, domain)
            text += try await Virsh.definition(domain)
            text += try await sh(#"cat "/run/libvirt/qemu/$1.pid" 2>/dev/null || echo off"#, domain)
        }
        return text
    }
}

extension String {
    /// The lines in which this text differs from an earlier one; none when they are equal.
    func changes(since before: String) -> [String] {
        split(separator: "\n").difference(from: before.split(separator: "\n")).map { change in
            switch change {
            case .insert(_, let line, _): "+ \(line)"
            case .remove(_, let line, _): "- \(line)"
            }
        }
    }
}
