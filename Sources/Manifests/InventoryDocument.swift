public import Model

/// Why a recorded inventory could not be read.
public struct InventoryError: Error {
    /// What is wrong with it, all of it.
    public let diagnostics: [Diagnostic]
}

/// What was observed on the hosts of a fleet, as text: the grammar of manifests with `status` and with the fields that
/// placement fills in. Reading gives back exactly what was written.
public enum InventoryDocument {
    /// Writes the inventories of hosts, each after its `Host` document.
    public static func write(_ hosts: [HostInventory], fleet: Fleet) -> String {
        var writer = YAMLWriter()
        writer.document(Document.write(.fleet, fleet, Fleet.grammar))
        for inventory in hosts {
            let record = HostRecord(
                host: inventory.host,
                status: HostRecord.Status(
                    observed: inventory.host.status, seeds: inventory.seeds,
                    stagedLinks: inventory.stagedLinks, looseTaps: inventory.looseTaps, firewall: inventory.firewall,
                    tracksConnections: inventory.tracksConnections, boot: inventory.boot, shaping: inventory.shaping,
                    evpn: inventory.evpn,
                    foreignRouter: inventory.foreignRouter, underlayMTU: inventory.underlayMTU, vlans: inventory.vlans,
                    targets: inventory.targets,
                    foreign: inventory.foreign,
                    adoptable: inventory.adoptable,
                    unknown: inventory.unknown, lastSeen: inventory.lastSeen,
                    lastSeenVolumes: inventory.lastSeenVolumes, leases: inventory.leases,
                    fence: inventory.fence))
            writer.document(Document.write(.host, record, HostRecord.grammar))
            for pool in inventory.pools { writer.document(Document.write(.storagePool, pool, StoragePool.recorded)) }
            for image in inventory.images { writer.document(Document.write(.image, image, Image.recorded)) }
            for network in inventory.networks { writer.document(Document.write(.network, network, Network.recorded)) }
            for volume in inventory.volumes { writer.document(Document.write(.volume, volume, Volume.recorded)) }
            for machine in inventory.machines {
                writer.document(Document.write(.virtualMachine, machine, VirtualMachine.recorded))
            }
        }
        return writer.text
    }

    /// Reads what `write` wrote.
    public static func read(_ file: SourceFile) throws(InventoryError) -> (fleet: Fleet, hosts: [HostInventory]) {
        try read(file, portion: Portion.size)
    }

    /// - Parameter size: how much text is read at a time, beside other such portions, in bytes.
    static func read(
        _ file: SourceFile, portion size: Int
    ) throws(InventoryError) -> (fleet: Fleet, hosts: [HostInventory]) {
        // What a host filters for ten thousand guests is one document.
        let source = SourceText(file.bytes, documentLimit: SourceText.fileLimit)
        let portions = Portion.read(Portion.divide([source], size: size)) { InventoryContents(file, source, $0) }
        var contents = portions[0]
        // Problems are told as one reading from the beginning finds them.
        for next in portions.dropFirst() where !contents.take(next) {
            contents = InventoryContents(file, source, Portion(all: [source]))
            break
        }
        if let fleet = contents.fleet, contents.findings.errors == 0 { return (fleet, contents.hosts) }
        if contents.findings.errors == 0 {
            let position = SourcePosition(file: file.printedPath, line: 1, column: 1)
            throw InventoryError(diagnostics: [
                Diagnostic(
                    code: "no-fleet", "no Fleet in the inventory", help: "record one with `infra observe`",
                    position: position)
            ])
        }
        throw InventoryError(diagnostics: contents.findings.sorted)
    }
}
