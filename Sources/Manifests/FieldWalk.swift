public import Model

/// Walks over every field that a manifest can say, straight from the tables that read it.
public enum FieldWalk {
    /// A changed resource: which field was changed, and the fleet that results.
    public struct Variant: Sendable {
        /// Whose field.
        public let resource: ResourceID
        /// Which field, from the document's root: `spec.disks[root].size`.
        public let field: String
        /// The fleet with that one change. It need not be valid: a reference may name nothing.
        public let manifest: FleetManifest

        /// A change that the walk does not find.
        public init(resource: ResourceID, field: String, manifest: FleetManifest) {
            self.resource = resource
            self.field = field
            self.manifest = manifest
        }
    }

    /// For every field of every resource, the fleet with that field changed. Names and identities are left alone, since
    /// with them changed it would be another resource.
    public static func variants(of manifest: FleetManifest) -> [Variant] {
        var all = vary(Fleet.grammar, manifest.fleet).map { variant in
            var changed = manifest
            changed.fleet = variant.value
            return Variant(
                resource: ResourceID(.fleet, manifest.fleet.metadata.identity), field: variant.path, manifest: changed)
        }
        all += variants(of: manifest, \.hosts, KVMHost.grammar)
        all += variants(of: manifest, \.pools, StoragePool.grammar)
        all += variants(of: manifest, \.images, Image.grammar)
        all += variants(of: manifest, \.networks, Network.grammar)
        all += variants(of: manifest, \.volumes, Volume.grammar)
        all += variants(of: manifest, \.machines, VirtualMachine.grammar)
        all += variants(of: manifest, \.snapshots, Snapshot.grammar)
        return all
    }

    private static func variants<Resource: Identified>(
        of manifest: FleetManifest, _ list: WritableKeyPath<FleetManifest, [Resource]>, _ grammar: Record<Resource>
    ) -> [Variant] {
        manifest[keyPath: list].enumerated().flatMap { index, resource in
            vary(grammar, resource).map { variant in
                var changed = manifest
                changed[keyPath: list][index] = variant.value
                return Variant(resource: resource.resourceID, field: variant.path, manifest: changed)
            }
        }
    }

    private static func vary<Root: Sendable>(_ grammar: Record<Root>, _ root: Root) -> [Form<Root>.Variant] {
        grammar.vary(root).map { (String($0.path.dropFirst()), $0.value) }.filter {
            $0.path != "metadata.name" && $0.path != "metadata.id"
        }
    }
}
