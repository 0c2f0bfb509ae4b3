import Foundation
import Model

/// A host as it was just read: what is on it, and what it remembers of the fleet.
struct Sighting: Sendable {
    var inventory: HostInventory
    /// Nil before the first apply, and of a host that was not read.
    var roster: Roster?
    /// Whether it did not answer, or was not asked since its manifest says that it is off.
    var isSilent = false
}

/// What the hosts remember of each other against what was seen. A host that is not what it was is unknown: nothing is
/// begun on it, and what was on it is begun nowhere else.
struct RosterRules {
    private var result: [String: HostInventory]
    private let rosters: [Roster]
    private let sightings: [Sighting]

    /// What is on the hosts once they were compared. Hosts that only rosters know are among them, unknown, when the last
    /// apply left machines on them.
    static func judged(_ sightings: [Sighting]) -> [String: HostInventory] {
        var rules = RosterRules(sightings)
        rules.findChangedHosts()
        rules.findTwins()
        rules.findLostHosts()
        rules.findDoubles()
        rules.remember()
        rules.findFences()
        return rules.result
    }

    private init(_ sightings: [Sighting]) {
        result = sightings.reduce(into: [:]) { result, sighting in
            let id = sighting.inventory.host.metadata.identity
            result[id] = sighting.inventory
            result[id]?.earlierUse = sighting.roster?.hosts[id]?.use ?? [:]
        }
        rosters = sightings.compactMap(\.roster)
        self.sightings = sightings
    }

    /// Another machine answers under a host's name.
    private mutating func findChangedHosts() {
        for id in result.keys.sorted() {
            guard let uuid = result[id]?.host.status?.uuid,
                let known = rosters.lazy.compactMap({ $0.hosts[id]?.uuid }).first(where: { $0 != uuid })
            else { continue }
            result[id]?.unknown.append(
                UnknownArea(
                    .host,
                    reason: "this is host \(uuid.lowercased), the last apply knew \(known.lowercased) under that name"))
        }
    }

    /// One machine answers under two names: each would take the other's objects for stray ones.
    private mutating func findTwins() {
        let seen = result.keys.sorted().compactMap { id in result[id]?.host.status.map { (id, $0.uuid) } }
        for (uuid, group) in Dictionary(grouping: seen, by: \.1) where group.count > 1 {
            let names = group.map(\.0)
            for id in names {
                let others = names.filter { $0 != id }.map { "Host/\($0)" }.joined(separator: ", ")
                result[id]?.unknown.append(
                    UnknownArea(.host, reason: "it and \(others) are one machine, \(uuid.lowercased); keep one of them")
                )
            }
        }
    }

    /// A host left the manifests, and nobody said what became of the machines on it.
    private mutating func findLostHosts() {
        for id in Set(rosters.flatMap(\.hosts.keys)).sorted() where result[id] == nil {
            let machines = lastSeen(on: id)
            guard !machines.isEmpty else { continue }
            // It may stand in the manifests under another name.
            let uuids = Set(rosters.compactMap { $0.hosts[id]?.uuid })
            let renamed = result.values.first { $0.host.status.map { uuids.contains($0.uuid) } ?? false }
            if renamed != nil { continue }
            let names = machines.prefix(5).joined(separator: ", ") + (machines.count > 5 ? " …" : "")
            let count = machines.count == 1 ? "a machine was" : "\(machines.count) machines were"
            result[id] = HostInventory(
                host: KVMHost(metadata: Metadata(name: id)),
                unknown: [
                    UnknownArea(
                        .host,
                        reason: "it left the manifests while \(count) on it (\(names)); declare it again, with "
                            + "`offline: true` if it is off, and remove or move them first; if it is gone for good, "
                            + "`infra forget \(id)`")
                ])
        }
    }

    /// A machine that runs on two hosts: which is the right one cannot be told.
    private mutating func findDoubles() {
        var places: [String: [String]] = [:]
        for id in result.keys.sorted() {
            // A move that was cut off leaves one that is paused.
            for machine in result[id]?.machines ?? [] where machine.status?.state == .running {
                places[machine.metadata.identity, default: []].append(id)
            }
        }
        for (machine, hosts) in places.sorted(by: { $0.key < $1.key }) where hosts.count > 1 {
            for id in hosts {
                result[id]?.unknown.append(
                    UnknownArea(
                        .compute, resource: ResourceID(.virtualMachine, machine),
                        reason: "it runs on \(hosts.joined(separator: " and ")) at once; end one of them by hand"))
            }
        }
    }

    /// What was on hosts that were not seen.
    private mutating func remember() {
        for id in Array(result.keys) where result[id]?.isUnknown == true {
            let machines = lastSeen(on: id)
            result[id]?.lastSeen = rosters.contains { $0.hosts[id] != nil } ? machines : nil
            let volumes = rosters.compactMap { $0.hosts[id]?.volumes }
            result[id]?.lastSeenVolumes = volumes.isEmpty ? nil : Set(volumes.joined()).sorted()
        }
    }

    /// The operator's word that a host is off counts when every other host that remembers that one remembers the word: one
    /// that was off itself meanwhile may not know yet that it no longer holds.
    private mutating func findFences() {
        for id in result.keys {
            // One that left the manifests is forgotten, not fenced.
            guard let sight = sightings.first(where: { $0.inventory.host.metadata.identity == id }) else { continue }
            let others = sightings.filter { $0.inventory.host.metadata.identity != id }
            result[id]?.fence = Roster.fence(of: id, in: others.compactMap(\.roster), answers: !sight.isSilent)
        }
    }

    private func lastSeen(on id: String) -> [String] {
        Set(rosters.flatMap { $0.hosts[id]?.machines ?? [] }).sorted()
    }
}
