import Model

/// What is looked at for the preview of a commit. Whoever may ask for one names hosts and folders in it; only those are
/// looked at that the fleet in force has, or that lie in its storage roots.
struct PreviewScope: Sendable {
    /// The commit's fleet without the pools that are left out.
    let manifest: FleetManifest
    /// Pools that nobody trusted named.
    let leftOut: [ResourceID]
    /// Hosts that nobody trusted named, or named otherwise.
    let strangers: [ResourceID]

    /// - Parameter trusted: The fleet in force; without one no pool is looked at, and no host but this one.
    init(_ manifest: FleetManifest, trusted: FleetManifest?) {
        let hosts = trusted?.hosts ?? []
        func isKnown(_ host: KVMHost) -> Bool {
            host.spec.connection == .local
                || hosts.contains {
                    $0.metadata.identity == host.metadata.identity && $0.spec.connection == host.spec.connection
                }
        }
        func isKnown(_ pool: StoragePool) -> Bool {
            if trusted?.pools.contains(where: { $0.spec.backend == pool.spec.backend }) == true { return true }
            guard case .directory(let path) = pool.spec.backend else { return false }
            return hosts.contains { $0.spec.storageRoots.contains { path.hasPrefix($0 + "/") } }
        }
        var manifest = manifest
        leftOut = manifest.pools.filter { !isKnown($0) }.map { ResourceID(.storagePool, $0.metadata.identity) }
        strangers = manifest.hosts.filter { !isKnown($0) }.map { ResourceID(.host, $0.metadata.identity) }
        manifest.pools.removeAll { !isKnown($0) }
        self.manifest = manifest
    }

    /// Why something is not looked at, for the one who asked.
    var note: String {
        let named = (strangers + leftOut).map(\.description).joined(separator: ", ")
        return "the fleet in force does not name \(named)"
    }
}
