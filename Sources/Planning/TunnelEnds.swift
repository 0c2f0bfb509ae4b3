import Model

/// Where the tunnels of each network end. A network is carried by the hosts on which a member is placed, running or not,
/// and by those that its `hosts` names.
struct TunnelEnds {
    private var ends: [String: [String: IPAddress]] = [:]
    private var speaking: [String: IPAddress] = [:]

    /// - Parameter machines: the machines of each host, by identities.
    init(_ manifest: FleetManifest, machines: [String: [VirtualMachine]]) {
        let underlays = manifest.hosts.reduce(into: [String: IPAddress]()) {
            $0[$1.metadata.identity] = $1.spec.underlay?.address
        }
        guard underlays.count > 1 else { return }
        for (host, guests) in machines {
            guard let address = underlays[host] else { continue }
            for network in Set(guests.flatMap { $0.spec.interfaces.compactMap(\.network) }) {
                ends[network, default: [:]][host] = address
            }
        }
        for network in manifest.networks where network.spec.vxlan != nil {
            for host in network.spec.namedHosts {
                if let address = underlays[host] { ends[network.metadata.identity, default: [:]][host] = address }
            }
        }
        for network in manifest.networks where network.spec.vxlan?.flooding == .evpn {
            speaking.merge(ends[network.metadata.identity] ?? [:]) { first, _ in first }
        }
    }

    /// The other hosts that carry any network by EVPN, at IPv4 addresses, which are all that FRR has tunnels between.
    func speakers(beside host: String) -> [IPAddress] {
        speaking.filter { $0.key != host && $0.value.isIPv4 }.map(\.value)
    }

    /// The other ends that a host floods to, of each network. A link can only send to addresses like its own.
    func peers(of host: String) -> [String: [IPAddress]] {
        ends.compactMapValues { places in
            guard let own = places[host] else { return nil }
            return places.filter { $0.key != host && $0.value.isIPv4 == own.isIPv4 }.map(\.value)
        }
    }
}
