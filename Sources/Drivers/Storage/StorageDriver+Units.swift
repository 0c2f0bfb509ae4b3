import Foundation
import Hosts
import Model

/// What a look at a logical unit came to: its size in bytes, or why that is not known.
typealias UnitSight = (volume: Volume, size: Result<UInt64, HostError>)

extension StorageDriver {
    /// How long a target may take to say how large a unit is.
    private static let unitDeadline = Duration.seconds(20)

    /// Asks targets, by QEMU's own initiator, for the units that manifests name. Nothing else of a target is looked at.
    func look(at volumes: [Volume], on pools: [StoragePool]) async -> [UnitSight] {
        let targets = pools.filter { $0.isOn(host: host) }.reduce(into: [String: StoragePool.ISCSI]()) {
            $0[$1.metadata.identity] = $1.spec.iscsi
        }
        guard !targets.isEmpty else { return [] }
        return await withTaskGroup(of: UnitSight.self) { group in
            for volume in volumes {
                guard let target = targets[volume.spec.pool], let number = volume.spec.lun else { continue }
                let unit = StoragePool.LogicalUnit(target: target, number: number)
                group.addTask { (volume, await size(of: unit)) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    /// Opened to be read from only, as raw bytes: nothing that lies in a unit is believed.
    private func size(of unit: StoragePool.LogicalUnit) async -> Result<UInt64, HostError> {
        let target = unit.target
        let portal = "\(target.portal.contains(":") ? "[\(target.portal)]" : target.portal):\(target.port)"
        let place = [
            "driver=raw", "file.driver=iscsi", "file.transport=tcp", "file.portal=\(portal)",
            "file.target=\(target.target)", "file.lun=\(unit.number)",
        ]
        do throws(HostError) {
            let output = try await commands.run(
                "qemu-img", ["info", "--output=json", "--image-opts", place.joined(separator: ",")],
                deadline: Self.unitDeadline)
            let size = try Self.virtualSize(output)
            guard size > 0 else { return .failure(.surprise("it is no disk")) }
            return .success(size)
        } catch {
            return .failure(error)
        }
    }
}

extension StorageReading {
    /// Takes in what targets say. A unit carries no mark: that a manifest names it makes it the volume, and no more.
    mutating func add(_ units: [UnitSight], of wanted: [StoragePool]) {
        let targets = wanted.filter { $0.spec.iscsi != nil && $0.isOn(host: host) }
        for pool in targets {
            var seen = pool
            seen.status = StoragePool.Status(
                host: host, uuid: identity.uuid(ResourceID(.storagePool, pool.metadata.identity)),
                name: pool.spec.iscsi?.target ?? "")
            result.pools.append(seen)
        }
        for (volume, size) in units {
            guard let pool = targets.first(where: { $0.metadata.identity == volume.spec.pool }) else { continue }
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
