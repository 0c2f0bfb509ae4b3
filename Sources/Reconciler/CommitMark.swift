public import Hosts
public import Model

/// The commit that a watcher applied last, as the hosts remember it. A controller that lost its disk knows from it what
/// is older, and what never belonged to this fleet's history.
public struct CommitMark: Hashable, Sendable, Codable {
    /// The commit's object id.
    public var commit: String
    /// The id of its tree.
    public var tree: String
    /// What was allowed before this commit. Its own policy narrows that, and widens it only for the commits after it.
    public var ceiling: Fleet.Policy
    /// Whether the hosts were as it says at the end; false while it is being applied, and where that did not end well.
    public var isApplied: Bool

    /// A commit that is about to be applied.
    public init(commit: String, tree: String, ceiling: Fleet.Policy, isApplied: Bool = false) {
        self.commit = commit
        self.tree = tree
        self.ceiling = ceiling
        self.isApplied = isApplied
    }
}

/// What a fleet's hosts remember for its watchers.
public struct FleetMemory: Hashable, Sendable {
    /// The commit of each host that answered and knows one, by the host's identity.
    public var marks: [String: CommitMark] = [:]
    /// Resources that watchers leave alone.
    public var suspended: Set<ResourceID> = []
    /// Hosts that did not answer, with the reason.
    public var unknown: [String: String] = [:]
}

extension ConnectedFleet {
    /// What the hosts remember.
    public func remembered() async -> FleetMemory {
        var memory = FleetMemory()
        for (host, inventory) in failures { memory.unknown[host] = inventory.unknown.first?.reason ?? "not reached" }
        for (host, session) in sessions {
            do throws(HostError) {
                let known = try await Roster.remembered(session, identity, settings.observationDeadline)
                memory.marks[host] = known.commit
                memory.suspended.formUnion(known.suspended)
            } catch {
                memory.unknown[host] = "\(error)"
            }
        }
        return memory
    }

    /// Becomes the one that works among the fleet's watchers, by a lock on the first host that answers.
    /// - Throws: `.locked` with what the one that works says of itself, `.host` when no host answers.
    public func lead() async throws(ApplyRefusal) -> HostLock {
        guard let first = sessions.sorted(by: { $0.key < $1.key }).first?.value else {
            throw .host("no host answers: " + failures.values.flatMap(\.unknown).map(\.reason).joined(separator: "; "))
        }
        let holder = HostLock.Holder(fleet: manifest.fleet.metadata.name, identity: identity)
        do throws(HostError) {
            return try await HostLock.lead(on: first.commands, as: holder, identity: identity)
        } catch {
            if case .locked(let holder) = error { throw .locked(holder) }
            throw .host("\(error)")
        }
    }

    /// Leaves a resource to itself from now on, or no longer. Every host that answers remembers it.
    /// - Throws: `ApplyRefusal.host` when a host does not.
    public func suspend(_ resource: ResourceID, _ isSuspended: Bool) async throws(ApplyRefusal) {
        if let unknown = failures.values.flatMap(\.unknown).first { throw .host(unknown.reason) }
        try await changeRosters(.seconds(60)) { roster in
            var all = Set(roster.suspended ?? [])
            if isSuspended { all.insert(resource) } else { all.remove(resource) }
            roster.suspended = all.isEmpty ? nil : all.sorted()
        }
    }

    /// Lets the hosts remember a commit of which nothing is applied.
    public func remember(_ mark: CommitMark, _ lockTimeout: Duration) async throws(ApplyRefusal) {
        try await changeRosters(lockTimeout) { $0.commit = mark }
    }

    private func changeRosters(
        _ lockTimeout: Duration, _ edit: @escaping @Sendable (inout Roster) -> Void
    ) async throws(ApplyRefusal) {
        do throws(HostError) {
            try await locked(timeout: lockTimeout) { held throws(HostError) in
                for session in sessions.values {
                    guard held.lost[session.id] == nil else { continue }
                    try await Roster.change(
                        session, identity, settings.observationDeadline, fleet: manifest.fleet.metadata.name, edit)
                }
            }
        } catch {
            if case .locked(let holder) = error { throw .locked(holder) }
            throw .host("\(error)")
        }
    }
}
