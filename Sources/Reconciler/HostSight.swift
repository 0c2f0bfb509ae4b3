import Drivers
public import Foundation
public import Hosts
public import Model
import Synchronization

/// What was seen of a host: together, and what each driver saw, which can be looked at again by itself.
struct HostSight: Sendable {
    var sighting: Sighting
    var compute: ComputeObservation
    var storage: StorageObservation
    var network: NetworkObservation

    /// Whether everything could be read.
    var isWhole: Bool { sighting.inventory.unknown.isEmpty }
}

/// What may have changed on a host since it was looked at.
public struct HostChanges: Hashable, Sendable {
    /// Domains, by libvirt's UUID.
    public private(set) var machines: Set<UUID> = []
    /// Pools.
    public private(set) var storage = false
    /// Links.
    public private(set) var links = false
    /// Perhaps anything.
    public private(set) var everything = false

    /// Nothing.
    public init() {}

    /// What an event is about.
    public init(_ event: HostEvent) {
        switch event {
        case .machine(let uuid, _, _): machines = [uuid]
        case .pool: storage = true
        case .link: links = true
        case .overflowed, .lost: everything = true
        }
    }

    /// Perhaps anything.
    public static let all: HostChanges = {
        var changes = HostChanges()
        changes.everything = true
        return changes
    }()

    /// Adds what another one says.
    public mutating func formUnion(_ other: HostChanges) {
        machines.formUnion(other.machines)
        storage = storage || other.storage
        links = links || other.links
        everything = everything || other.everything
    }
}

/// What a fleet's hosts were last seen as. In memory only; what an event says is looked at again beside it.
public final class LastSights: Sendable {
    private let sights = Mutex<[String: HostSight]>([:])

    /// Nothing was seen yet.
    public init() {}

    /// Forgets all.
    public func forget() { sights.withLock { $0 = [:] } }

    var all: [String: HostSight] { sights.withLock { $0 } }

    func note(_ sight: HostSight) {
        let host = sight.sighting.inventory.host.metadata.identity
        sights.withLock { $0[host] = sight }
    }
}

extension ConnectedFleet {
    /// What is on every host, where only these changes are looked at again since the last observation.
    /// - Returns: nil when that says too little: all has to be read.
    public func observe(
        _ changes: [String: HostChanges], since last: LastSights
    ) async -> [String: HostInventory]? {
        let before = last.all
        let observer = Observer(identity: identity, deadline: settings.observationDeadline)
        var sightings = failures.values.map { Sighting(inventory: $0, isSilent: true) }
        for (host, session) in sessions {
            guard var sight = before[host], sight.isWhole else { return nil }
            if let changes = changes[host] {
                guard !changes.everything else { return nil }
                sight = await observer.look(again: session, manifest, at: changes, since: sight)
                guard sight.isWhole else { return nil }
                last.note(sight)
            }
            sightings.append(sight.sighting)
        }
        return RosterRules.judged(await withoutMoving(sightings))
    }
}
