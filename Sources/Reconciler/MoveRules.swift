import Drivers
import Foundation
import Hosts
import Model

/// Machines of which a move may be under way: libvirt is asked about these alone.
struct MoveRules {
    /// A machine on a host.
    struct Suspect: Hashable, Sendable {
        let host: String
        let machine: String
        let uuid: UUID
    }

    /// Those that are paused, that are on several hosts, or of whose volumes a copy is being made.
    static func suspects(_ sightings: [Sighting]) -> [Suspect] {
        var hosts: [String: Int] = [:]
        var incoming: Set<String> = []
        for sighting in sightings {
            for machine in sighting.inventory.machines { hosts[machine.metadata.identity, default: 0] += 1 }
            for volume in sighting.inventory.volumes where volume.status?.mark?.copy == .incoming {
                incoming.insert(volume.metadata.identity)
            }
        }
        return sightings.flatMap { sighting in
            sighting.inventory.machines.compactMap { machine in
                guard let status = machine.status, status.state.isActive else { return nil }
                let id = machine.metadata.identity
                let isSuspect =
                    status.state == .paused || hosts[id] ?? 0 > 1
                    || machine.spec.disks.contains { $0.volume.map(incoming.contains) ?? false }
                return isSuspect
                    ? Suspect(host: sighting.inventory.host.metadata.identity, machine: id, uuid: status.uuid) : nil
            }
        }
    }
}

extension ConnectedFleet {
    /// Notes as unknown what libvirt is moving now: where it will be, nobody knows before that has ended.
    func withoutMoving(_ sightings: [Sighting]) async -> [Sighting] {
        var result = sightings
        for suspect in MoveRules.suspects(sightings) {
            guard let session = sessions[suspect.host] else { continue }
            var reason: String?
            do throws(HostError) {
                if try await session.compute.isBusy(suspect.uuid, deadline: settings.observationDeadline) {
                    reason = "libvirt on host \(suspect.host) is moving it, or is else at work on it"
                }
            } catch {
                reason = "\(error)"
            }
            guard let reason else { continue }
            for index in result.indices where result[index].inventory.host.metadata.identity == suspect.host {
                result[index].inventory.unknown.append(
                    UnknownArea(.compute, resource: ResourceID(.virtualMachine, suspect.machine), reason: reason))
            }
        }
        return result
    }
}
