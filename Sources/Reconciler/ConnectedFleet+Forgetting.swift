public import Foundation
import Hosts
import Model

/// What hosts remember of one that is to be forgotten.
public struct RememberedHost: Hashable, Sendable {
    /// Its UUID.
    public var uuid: UUID
    /// The machines that the last apply left on it, by identity.
    public var machines: [String]
    /// Those of them that start nowhere else while they run there, since each of their disks has a lease, with their volumes.
    public var leased: [String: [String]]
    /// The hosts that remember it, by identity.
    public var rememberedBy: [String]
    /// Hosts that are fenced, by identity.
    public var fenced: Set<String> = []
    /// Hosts that could not be asked, with the reason.
    public var unknown: [String: String]
}

extension ConnectedFleet {
    /// What the hosts remember of a host; nil when none of those that answer does.
    public func remembered(of host: String) async -> RememberedHost? {
        var unknown = failures.mapValues { $0.unknown.first?.reason ?? "" }
        var found: RememberedHost?
        var rosters: [Roster] = []
        for session in sessions.values.sorted(by: { $0.id < $1.id }) {
            do throws(HostError) {
                let roster = try await Roster.read(session, identity, settings.observationDeadline)
                if let roster { rosters.append(roster) }
                guard let entry = roster?.hosts[host] else { continue }
                var remembered =
                    found
                    ?? RememberedHost(
                        uuid: entry.uuid, machines: [], leased: entry.leases ?? [:], rememberedBy: [], unknown: [:])
                remembered.leased = remembered.leased.filter { entry.leases?[$0.key] == $0.value }
                remembered.machines = Set(remembered.machines + (entry.machines ?? [])).sorted()
                remembered.rememberedBy.append(session.id)
                found = remembered
            } catch {
                unknown[session.id] = "\(error)"
            }
        }
        found?.unknown = unknown
        found?.fenced = Set(failures.keys.filter { Roster.fence(of: $0, in: rosters, answers: false)?.isOver == false })
        return found
    }

    /// Takes a host from what the others remember: what was on it may be made elsewhere then.
    /// - Throws: `ApplyRefusal` when another controller is at work, or a host does not answer.
    public func forget(_ host: String, uuid: UUID, lockTimeout: Duration) async throws(ApplyRefusal) {
        do throws(HostError) {
            try await locked(timeout: lockTimeout) { held throws(HostError) in
                for session in sessions.values.sorted(by: { $0.id < $1.id }) {
                    guard held.isHeld(session.id) else { throw .unreachable("host \(session.id)") }
                    let known = try await Roster.read(session, identity, settings.observationDeadline)
                    guard let entry = known?.hosts[host] else { continue }
                    guard entry.uuid == uuid else {
                        throw .surprise("host \(session.id) knows host \(host) as \(entry.uuid.lowercased)")
                    }
                    try await Roster.change(
                        session, identity, settings.observationDeadline, fleet: manifest.fleet.metadata.name
                    ) { roster in
                        roster.hosts[host] = nil
                        roster.fences?[host] = nil
                    }
                }
            }
        } catch {
            switch error {
            case .locked(let holder): throw .locked(holder)
            case .surprise(let what): throw .changed(what)
            default: throw .host("\(error)")
            }
        }
    }
}
