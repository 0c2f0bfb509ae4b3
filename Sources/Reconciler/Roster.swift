import Foundation
import Hosts
import Model
import Planning

/// What a host remembers of a fleet beside the marks of its objects: `/var/lib/infra/<fleet>.json`.
struct Roster: Codable, Hashable, Sendable {
    /// A host as the last apply knew it.
    struct Entry: Codable, Hashable, Sendable {
        /// UUIDv5 of its machine-id.
        var uuid: UUID
        /// Its VTEP address.
        var underlay: IPAddress?
        /// The machines that were on it, by identity.
        var machines: [String]?
        /// Those of them that start nowhere else while they run there, each with its volumes: each disk is that of a volume in a
        /// pool with leases, and each that ran had them all.
        var leases: [String: [String]]?
        /// The volumes that were on it in pools that no other host reaches, by identity; nil when nobody noted them.
        var volumes: [String]?
        /// How much of its pools was in use, by pool, oldest first: at the first apply of a day, of a few days.
        var use: [String: [PoolUse]]?
    }

    /// The operator's word that a host is off.
    struct Fence: Codable, Hashable, Sendable {
        /// The host's UUID.
        var uuid: UUID
        /// The machines of it that may start elsewhere, by identity, with the volumes that they had.
        var leases: [String: [String]]?
        /// Whether the host answered since. It stays so, whatever becomes of the host.
        var isOver: Bool?
    }

    /// The version of this file's form.
    var version = 1
    /// The fleet's name, for a reader.
    var fleet: String
    /// The hosts, by identity.
    var hosts: [String: Entry]
    /// The commit that a watcher applied last, or began to.
    var commit: CommitMark?
    /// Resources that watchers leave alone.
    var suspended: [ResourceID]?
    /// Hosts that are said to be off, by identity.
    var fences: [String: Fence]?

    /// In bytes; one of 100,000 machines with long names has a tenth of it.
    private static let sizeLimit = 1 << 26

    /// Where a fleet's roster lies.
    static func path(_ identity: Identity) -> String { "/var/lib/infra/\(identity.fleet.lowercased).json" }

    /// The roster of a fleet whose hosts were all observed, but for those that are declared to be off.
    /// - Parameter now: when they were.
    init(_ manifest: FleetManifest, _ observed: [String: HostInventory], now: Moment) {
        fleet = manifest.fleet.metadata.name
        hosts = observed.compactMapValues { inventory in
            inventory.host.status.map {
                Entry(
                    uuid: $0.uuid, underlay: inventory.host.spec.underlay?.address,
                    machines: inventory.machines.map(\.metadata.identity).sorted(),
                    leases: LeaseRules(manifest).leased(inventory), volumes: manifest.ownVolumes(inventory),
                    use: inventory.use(at: now))
            }
        }
    }

    /// A roster that knows no host yet.
    private init(fleet: String) {
        self.fleet = fleet
        hosts = [:]
    }

    /// What a host remembers; nothing before the first apply.
    static func remembered(
        _ session: HostSession, _ identity: Identity, _ deadline: Duration
    ) async throws(HostError) -> (commit: CommitMark?, suspended: [ResourceID]) {
        let roster = try await read(session, identity, deadline)
        return (roster?.commit, roster?.suspended ?? [])
    }

    /// Writes the hosts, and the commit if there is one; the rest stays as it is.
    /// - Parameters:
    ///   - kept: Hosts of which nothing new is known; what was known of them stays.
    ///   - fenced: Hosts of which the operator's word that they are off still counts. Of others it is forgotten.
    func write(
        _ session: HostSession, _ identity: Identity, _ deadline: Duration, keeping kept: Set<String>,
        fenced: Set<String>, commit: CommitMark?
    ) async throws(HostError) {
        try await Self.change(session, identity, deadline, fleet: fleet) { roster in
            roster.fleet = fleet
            let fences = roster.fences?.filter { fenced.contains($0.key) } ?? [:]
            roster.fences = fences.isEmpty ? nil : fences
            let seen = hosts.reduce(into: [:]) { $0[$1.key] = $1.value.following(roster.hosts[$1.key]) }
            roster.hosts = seen.merging(roster.hosts.filter { kept.contains($0.key) }) { new, _ in new }
            if let commit { roster.commit = commit }
        }
    }

    /// Changes what a host remembers, whole or not at all.
    ///
    /// - Parameter isMade: whether one that remembers nothing begins to.
    static func change(
        _ session: HostSession, _ identity: Identity, _ deadline: Duration, fleet: String,
        isMade: Bool = true, _ edit: (inout Roster) -> Void
    ) async throws(HostError) {
        let known = try await read(session, identity, deadline)
        guard known != nil || isMade else { return }
        var roster = known ?? Roster(fleet: fleet)
        edit(&roster)
        if roster != known { try await roster.store(session, identity, deadline) }
    }

    private func store(_ session: HostSession, _ identity: Identity, _ deadline: Duration) async throws(HostError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        guard let data = try? encoder.encode(self) else { return }
        _ = try await session.commands.run(
            "sh",
            [
                "-c",
                #"mkdir -p -- "${1%/*}" && cat > "$1.staged" && chmod 0644 "$1.staged" && sync -- "$1.staged" && mv -f -- "$1.staged" "$1""#,
                "sh", Self.path(identity),
            ], input: .bytes(Array(data)), deadline: deadline, outputLimit: 4096)
    }

    /// Removes the roster of a fleet that is gone.
    static func remove(_ session: HostSession, _ identity: Identity, _ deadline: Duration) async throws(HostError) {
        _ = try await session.commands.run(
            "rm", ["-f", "--", path(identity)], input: .none, deadline: deadline, outputLimit: 4096)
    }

    /// What a host remembers; nil before the first apply.
    static func read(
        _ session: HostSession, _ identity: Identity, _ deadline: Duration
    ) async throws(HostError) -> Roster? {
        try await session.commands.ask(question(identity, deadline))
    }

    /// What a host remembers.
    static func question(_ identity: Identity, _ deadline: Duration) -> HostQuestion<Roster?> {
        question(at: path(identity), deadline)
    }

    /// What a file remembers.
    static func question(at path: String, _ deadline: Duration) -> HostQuestion<Roster?> {
        HostQuestion(
            CommandCall(
                "bash", ["-c", #"if [[ -e $1 ]]; then echo there; exec cat -- "$1"; fi"#, "infra-roster", path],
                deadline: deadline, outputLimit: sizeLimit)
        ) { output throws(HostError) in
            guard !output.text.isEmpty else { return nil }
            guard
                let roster = try? JSONDecoder().decode(
                    Roster.self, from: Data(output.text.dropFirst("there\n".count).utf8))
            else {
                throw .surprise("\(path) is not a roster")
            }
            return roster
        }
    }
}

extension Roster {
    /// Takes out what no longer holds, whatever else is unknown: the word that a host is off which answered since, and machines
    /// that were seen without a lease on each of these disks, or not at all. What could not be observed is as it was remembered.
    ///
    /// - Returns: whether there was something.
    @discardableResult
    mutating func forget(whatDiffersFrom observed: [String: HostInventory], _ rules: LeaseRules) -> Bool {
        let before = self
        for (id, inventory) in observed {
            if inventory.fence?.isOver == true, fences?[id] != nil { fences?[id]?.isOver = true }
            guard !inventory.isUnknown, let known = hosts[id]?.leases else { continue }
            hosts[id]?.leases = known.filter { rules.mayHold($0.value, of: $0.key, on: inventory) }
        }
        return self != before
    }

    /// The word that a host is off, when all that remember the host remember it, with the machines that all of them let start
    /// elsewhere. Once one knows that it is over it is.
    static func fence(of id: String, in rosters: [Roster], answers: Bool) -> Model.Fence? {
        let known = rosters.compactMap { roster in roster.hosts[id].map { ($0, roster.fences?[id]) } }
        let fences = known.compactMap { entry, fence in
            fence.flatMap { $0.uuid == entry.uuid ? (entry, $0) : nil }
        }
        guard !fences.isEmpty, fences.count == known.count else { return nil }
        let isOver = answers || fences.contains { $0.1.isOver == true }
        // What was noted since of the machines counts before what the word was given for.
        let machines = fences.map { entry, fence in
            (fence.leases ?? [:]).filter { isOver || entry.leases?[$0.key] == $0.value }
        }
        let common = machines.dropFirst().reduce(machines[0]) { all, one in all.filter { one[$0.key] == $0.value } }
        return Model.Fence(machines: common, isOver: isOver)
    }
}

extension FleetManifest {
    /// The volumes on a host that no other one sees, by identity, sorted.
    func ownVolumes(_ inventory: HostInventory) -> [String] {
        let shared = Set(pools.filter(\.spec.shared).map(\.metadata.identity))
        let volumes = inventory.volumes.filter { $0.status?.staged != true && !shared.contains($0.spec.pool) }
        return Set(volumes.map(\.metadata.identity)).sorted()
    }
}
