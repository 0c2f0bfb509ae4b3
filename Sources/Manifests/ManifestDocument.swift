public import Model

/// A fleet as manifests: what `ManifestReader` reads back as the same fleet.
public enum ManifestDocument {
    /// Writes all resources, one document each.
    public static func write(_ manifest: FleetManifest) -> String {
        let fleet = named(manifest)
        var writer = YAMLWriter()
        writer.document(Document.write(.fleet, fleet.fleet, Fleet.grammar))
        for host in fleet.hosts { writer.document(Document.write(.host, host, KVMHost.grammar)) }
        for pool in fleet.pools { writer.document(Document.write(.storagePool, pool, StoragePool.grammar)) }
        for image in fleet.images { writer.document(Document.write(.image, image, Image.grammar)) }
        for network in fleet.networks { writer.document(Document.write(.network, network, Network.grammar)) }
        for volume in fleet.volumes { writer.document(Document.write(.volume, volume, Volume.grammar)) }
        for machine in fleet.machines {
            writer.document(Document.write(.virtualMachine, machine, VirtualMachine.grammar))
        }
        for snapshot in fleet.snapshots { writer.document(Document.write(.snapshot, snapshot, Snapshot.grammar)) }
        return writer.text
    }

    /// The fleet with names where it has identities: the reverse of what reading does.
    private static func named(_ manifest: FleetManifest) -> FleetManifest {
        var register = Register()
        register.isPartial = true
        func add(_ resources: [some Identified]) {
            for resource in resources {
                let entry = Register.Entry(
                    identity: resource.metadata.name, place: SourceIndex.Place(file: 0, line: 0))
                register.add(type(of: resource).kind, name: resource.metadata.identity, entry)
            }
        }
        add(manifest.hosts)
        add(manifest.pools)
        add(manifest.images)
        add(manifest.networks)
        add(manifest.volumes)
        add(manifest.machines)
        add(manifest.snapshots)
        let sources = SourceIndex(paths: [], sources: [], places: [])
        var references = References(register: register, report: CheckReport(sources: sources, findings: Findings()))
        var fleet = manifest
        fleet.pools = references.resolved(manifest.pools)
        fleet.networks = references.resolved(manifest.networks)
        fleet.volumes = references.resolved(manifest.volumes)
        fleet.machines = references.resolved(manifest.machines)
        fleet.snapshots = references.resolved(manifest.snapshots)
        return fleet
    }
}
