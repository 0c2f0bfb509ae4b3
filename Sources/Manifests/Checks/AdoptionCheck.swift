import Foundation
import Model

extension CheckedFleet {
    /// What is adopted is named once, and by a name that is not one of those that infra gives.
    static let checkAdopted: Check = { fleet, report in
        var uuids: [UUID: ResourceID] = [:]
        for (resource, metadata) in fleet.pools.all.map({ ($0.resourceID, $0.metadata) })
            + fleet.machines.all.map({ ($0.resourceID, $0.metadata) })
        {
            guard let uuid = metadata.uuid, let other = uuids.updateValue(resource, forKey: uuid) else { continue }
            report.error(
                resource, "metadata.uuid", "uuid-used", "\(uuid.lowercased) is \(other)'s already",
                help: "name each object once")
        }
        guard let uuid = fleet.fleets.first?.uuid else { return }
        let identity = Identity(fleet: uuid)
        var files: [String: ResourceID] = [:]
        for volume in fleet.volumes.all {
            guard let file = volume.spec.file else { continue }
            if identity.volume(inFileName: file) != nil || identity.image(inFileName: file) != nil
                || identity.machine(inSeedFileName: file) != nil
            {
                report.error(
                    volume.resourceID, "spec.file", "file-name", "\(Wording.quoted(file)) is a name that infra gives",
                    help: "leave file out")
            }
            guard let other = files.updateValue(volume.resourceID, forKey: "\(volume.spec.pool)/\(file)") else {
                continue
            }
            report.error(
                volume.resourceID, "spec.file", "file-used", "\(Wording.quoted(file)) is \(other)'s already",
                help: "name each file once")
        }
    }
}
