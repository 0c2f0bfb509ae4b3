import Model

/// An observed resource in a listing.
struct ResourceRow: Encodable {
    var id: String
    var host: String
    /// Column titles and values, in order; the same titles for every row of a kind.
    var columns: [Column]

    struct Column: Encodable {
        static let digest = "sha256"

        var title: String
        var value: String

        init(_ title: String, _ value: String?) {
            self.title = title
            self.value = value ?? "-"
        }
    }

    /// Whether somebody who asks for a name means this one. An image is known by its digest as well.
    func isNamed(_ name: String) -> Bool {
        id == name || columns.contains { $0.title == Column.digest && $0.value == name }
    }

    /// - Parameter images: What stored images are called in the manifests.
    static func rows(_ kind: ResourceKind, _ inventory: HostInventory, images: ImageNames) -> [ResourceRow] {
        let host = inventory.host.metadata.identity
        func row(_ id: String, _ columns: [Column]) -> ResourceRow { ResourceRow(id: id, host: host, columns: columns) }
        switch kind {
        case .fleet: return []
        case .host:
            let status = inventory.host.status
            return [
                row(
                    host,
                    [
                        Column("cpu", status.map { String($0.cpu) }), Column("memory", status?.memory.rounded),
                        Column("accelerator", status?.accelerator.rawValue), Column("libvirt", status?.libvirtVersion),
                    ])
            ]
        case .storagePool:
            return inventory.pools.map {
                row(
                    $0.metadata.identity,
                    [
                        Column("path", $0.spec.folder), Column("active", $0.status.map { String($0.active) }),
                        Column("capacity", $0.status?.capacity?.rounded),
                        Column("available", $0.status?.available?.rounded),
                        Column("data", $0.status?.group?.thinPool?.dataPercent.map { "\($0)%" }),
                        Column("metadata", $0.status?.group?.thinPool?.metadataPercent.map { "\($0)%" }),
                    ])
            }
        case .image:
            return inventory.images.flatMap { image in
                images.names(of: image).map {
                    row(
                        $0,
                        [
                            Column("pool", image.status?.pool), Column("format", image.spec.format.rawValue),
                            Column("used by", users(of: image, inventory)), Column(Column.digest, image.spec.sha256),
                            Column("path", image.status?.path),
                        ])
                }
            }
        case .network:
            return inventory.networks.map {
                row(
                    $0.metadata.identity,
                    [
                        Column("bridge", $0.status?.bridge?.name), Column("vxlan", $0.status?.tunnel?.name),
                        Column("vni", $0.status?.tunnel.map { String($0.vni) }),
                        Column("vlan", $0.status?.vlan.map { "\($0.id) on \($0.interface ?? "?")" }),
                        Column("mtu", String($0.spec.mtu)),
                    ])
            }
        case .volume:
            return inventory.volumes.map {
                row(
                    $0.metadata.identity,
                    [
                        Column("pool", $0.spec.pool), Column("size", $0.spec.size.description),
                        Column("allocated", $0.status?.allocation?.rounded),
                        Column(
                            "retained",
                            $0.status?.mark.map { mark in
                                mark.deleted.map { "until \($0.until)" } ?? String(mark.retained)
                            }),
                        Column("path", $0.status?.path),
                    ])
            }
        case .snapshot:
            return inventory.volumes.compactMap { volume in
                guard let part = volume.status?.mark?.part else { return nil }
                return row(
                    part.snapshot,
                    [
                        Column("moment", part.moment.description),
                        Column("disk", Snapshot.Part.named(by: volume.metadata.identity)?.disk),
                        Column("taken", part.taken?.description), Column("pool", volume.spec.pool),
                        Column("size", volume.spec.size.description),
                        Column("allocated", volume.status?.allocation?.rounded),
                        Column("retained", volume.status?.mark.map { String($0.retained) }),
                    ])
            }
        case .virtualMachine:
            return inventory.machines.map {
                // What runs, not what the next start will have.
                let running = $0.status?.live ?? $0.spec
                return row(
                    $0.metadata.identity,
                    [
                        Column("state", $0.status?.state.rawValue), Column("cpu", String(running.cpu.count)),
                        Column("memory", running.memory.size.description),
                        Column("accelerator", running.accelerator?.rawValue),
                        Column("uuid", $0.status?.uuid.lowercased),
                    ])
            }
        }
    }

    /// How many disks are layers over an image and how many machines boot it; nil when there are none.
    private static func users(of image: Image, _ inventory: HostInventory) -> String? {
        guard let path = image.status?.path, image.status?.staged == false else { return "unfinished" }
        let disks = inventory.volumes.count { $0.status?.backing == path }
        let machines = inventory.machines.count { machine in
            [machine.spec, machine.status?.live].contains {
                $0?.boot?.kernelPath == path || $0?.boot?.initrdPath == path
            }
        }
        let counts = [(disks, "disk"), (machines, "machine")].filter { $0.0 > 0 }
        return counts.isEmpty ? nil : counts.map { "\($0) \($1)\($0 == 1 ? "" : "s")" }.joined(separator: ", ")
    }

    /// Rows in columns under their titles.
    static func table(_ rows: [ResourceRow]) -> String {
        guard let first = rows.first else { return "Nothing there.\n" }
        let cells =
            [["ID", "HOST"] + first.columns.map { $0.title.uppercased() }]
            + rows.map { [$0.id, $0.host] + $0.columns.map { TerminalText.safe($0.value) } }
        let widths = cells[0].indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        return cells.reduce(into: "") { text, row in
            let line = row.enumerated().map { index, cell in
                index == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[index] - cell.count)
            }
            text += line.joined(separator: "  ") + "\n"
        }
    }
}
