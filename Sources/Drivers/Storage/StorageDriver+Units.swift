import Foundation
import Hosts
import Model

/// What a look at what is on a server came to: its size in bytes, or why that is not known.
typealias UnitSight = (volume: Volume, size: Result<UInt64, HostError>)

extension StorageDriver {
    /// How long a server may take to say how large a unit is.
    private static let unitDeadline = Duration.seconds(20)

    /// Asks targets and clusters, by what QEMU reaches them with itself, for the units and images that manifests name. Nothing else of them is
    /// looked at.
    func look(at volumes: [Volume], on pools: [StoragePool]) async -> [UnitSight] {
        let servers = pools.filter { $0.isOn(host: host) && $0.spec.isRemote }.reduce(
            into: [String: StoragePool.Spec]()
        ) {
            $0[$1.metadata.identity] = $1.spec
        }
        guard !servers.isEmpty else { return [] }
        return await withTaskGroup(of: UnitSight.self) { group in
            for volume in volumes {
                guard let server = servers[volume.spec.pool] else { continue }
                if let target = server.iscsi, let number = volume.spec.lun {
                    let unit = StoragePool.LogicalUnit(target: target, number: number)
                    group.addTask { (volume, await size(of: unit.imageOptions)) }
                } else if let place = server.rbd, let name = volume.spec.rbdImage {
                    let image = StoragePool.RBDImage(place: place, name: name)
                    group.addTask { (volume, await size(of: image.imageOptions)) }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    /// Opened to be read from only, as raw bytes: nothing that lies in a unit is believed.
    private func size(of options: [String]) async -> Result<UInt64, HostError> {
        do throws(HostError) {
            let output = try await commands.run(
                "qemu-img",
                ["info", "--output=json", "--image-opts", (["driver=raw"] + options).joined(separator: ",")],
                deadline: Self.unitDeadline)
            let size = try Self.virtualSize(output)
            guard size > 0 else { return .failure(.surprise("it is no disk")) }
            return .success(size)
        } catch {
            return .failure(error)
        }
    }
}

extension StoragePool.LogicalUnit {
    /// What QEMU reaches it with. No value of a manifest holds what sets these apart.
    fileprivate var imageOptions: [String] {
        let portal = "\(target.portal.contains(":") ? "[\(target.portal)]" : target.portal):\(target.port)"
        return [
            "file.driver=iscsi", "file.transport=tcp", "file.portal=\(portal)", "file.target=\(target.target)",
            "file.lun=\(number)",
        ]
    }
}

extension StoragePool.RBDImage {
    /// What QEMU reaches it with. The user's key is where the host's own Ceph keeps it.
    var imageOptions: [String] {
        ["file.driver=rbd", "file.pool=\(place.pool)", "file.image=\(name)"]
            + (place.auth.map { ["file.user=\($0.user)"] } ?? [])
            + place.monitors.enumerated().flatMap { index, monitor in
                ["file.server.\(index).host=\(monitor)", "file.server.\(index).port=\(place.port)"]
            }
    }
}

extension StorageReading {
    /// Takes in what servers say. A unit carries no mark: that a manifest names it makes it the volume, and no more.
    mutating func add(_ units: [UnitSight], of wanted: [StoragePool]) {
        let servers = wanted.filter { $0.spec.isRemote && $0.isOn(host: host) }
        for pool in servers {
            var seen = pool
            seen.status = StoragePool.Status(
                host: host, uuid: identity.uuid(ResourceID(.storagePool, pool.metadata.identity)),
                name: pool.spec.ownName ?? "")
            result.pools.append(seen)
        }
        for (volume, size) in units {
            guard let pool = servers.first(where: { $0.metadata.identity == volume.spec.pool }) else { continue }
            var unit = volume.asUnit(in: pool.spec, on: host, identity)
            switch size {
            case .success(let bytes):
                unit.spec.size = ByteCount(bytes)
                result.volumes.append(unit)
            case .failure(let error):
                result.unknown.append(
                    UnknownArea(
                        .storage, resource: ResourceID(.volume, volume.metadata.identity),
                        reason: "\(unit.status?.path ?? "") cannot be looked at: \(error)"))
            }
        }
    }
}
