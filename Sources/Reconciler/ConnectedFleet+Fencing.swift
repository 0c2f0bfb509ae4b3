public import Foundation
import Hosts
import Logging
import Model
import Planning

extension ConnectedFleet {
    /// Whether a host answered.
    public func answers(_ host: String) -> Bool { sessions[host] != nil }

    /// Notes on every other host that one is off, and which of its machines may start elsewhere: those that the last apply left
    /// there with a lease on each disk, so that a start elsewhere fails while they run there after all.
    ///
    /// - Returns: those machines, by identity.
    /// - Throws: `ApplyRefusal` when another controller is at work, the host answers or a host does not, or a host
    ///   remembers another one under that name.
    public func fence(_ host: String, uuid: UUID, lockTimeout: Duration) async throws(ApplyRefusal) -> [String] {
        guard sessions[host] == nil else { throw .changed("host \(host) answers") }
        do throws(HostError) {
            return try await locked(timeout: lockTimeout) { held throws(HostError) in
                var known: [(session: HostSession, entry: Roster.Entry)] = []
                for session in sessions.values.sorted(by: { $0.id < $1.id }) {
                    guard held.isHeld(session.id) else { throw .unreachable("host \(session.id)") }
                    let roster = try await Roster.read(session, identity, settings.observationDeadline)
                    guard let entry = roster?.hosts[host] else { continue }
                    guard entry.uuid == uuid else {
                        throw .surprise("host \(session.id) knows host \(host) as \(entry.uuid.lowercased)")
                    }
                    known.append((session, entry))
                }
                let machines = known.dropFirst().reduce(known.first?.entry.leases ?? [:]) { all, one in
                    all.filter { one.entry.leases?[$0.key] == $0.value }
                }
                guard !machines.isEmpty else { throw .surprise("no machine of host \(host) has its disks leased") }
                for (session, _) in known {
                    try await Roster.change(
                        session, identity, settings.observationDeadline, fleet: manifest.fleet.metadata.name
                    ) {
                        $0.fences = ($0.fences ?? [:]).merging([host: .init(uuid: uuid, leases: machines)]) { $1 }
                    }
                }
                return machines.keys.sorted()
            }
        } catch {
            switch error {
            case .locked(let holder): throw .locked(holder)
            case .surprise(let what): throw .changed(what)
            default: throw .host("\(error)")
            }
        }
    }

    /// Takes out of what the hosts remember what no longer holds of what was seen, before anything is done, and whatever else is
    /// unknown. One that cannot note it is passed over: one that has is enough, and what is there to do goes on.
    func settleMemory(_ observed: [String: HostInventory], _ held: HeldLocks) async {
        let rules = LeaseRules(manifest)
        guard !rules.isEmpty || observed.values.contains(where: { $0.fence?.isOver == true }) else { return }
        for session in sessions.values where held.isHeld(session.id) {
            do throws(HostError) {
                try await Roster.change(
                    session, identity, settings.observationDeadline, fleet: manifest.fleet.metadata.name, isMade: false
                ) { $0.forget(whatDiffersFrom: observed, rules) }
            } catch {
                log.warning("host \(session.id) could not note what no longer holds: \(error)")
            }
        }
    }

    /// Whether hosts remember something that no longer holds of what was last seen, so that an apply has to look again even where
    /// it has nothing else to do.
    public func remembersTooMuch(_ last: LastSights) -> Bool {
        let sights = last.all.filter { sessions[$0.key] != nil }.mapValues(\.sighting)
        let (observed, rules) = (sights.mapValues(\.inventory), LeaseRules(manifest))
        return sights.values.contains { sight in
            var roster = sight.roster
            return roster?.forget(whatDiffersFrom: observed, rules) == true
        }
    }

    /// The hosts of which the operator's word that they are off still counts: those that do not answer, and those that do and
    /// still have something of a machine that is elsewhere meanwhile.
    static func fenced(_ observed: [String: HostInventory]) -> Set<String> {
        Set(
            observed.filter { id, inventory in
                guard let fence = inventory.fence else { return false }
                let others = observed.filter { $0.key != id }.values.flatMap(\.machines).map(\.metadata.identity)
                let here = Set(inventory.machines.map(\.metadata.identity))
                return !fence.isOver || inventory.isUnknown
                    || fence.machines.keys.contains { here.contains($0) && others.contains($0) }
            }.keys)
    }
}
