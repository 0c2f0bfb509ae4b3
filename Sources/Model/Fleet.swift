public import Foundation

/// The namespace of every identity, and the policies of unattended runs. A folder holds exactly one.
public struct Fleet: Hashable, Sendable, Codable {
    /// Up to which disruption an unattended run goes.
    public enum Unattended: String, CaseIterable, Codable, Sendable {
        /// Nothing is applied.
        case off
        /// Only steps that nothing running notices.
        case none
        /// Live changes too.
        case live
        /// Restarts too.
        case restart
    }

    /// What to do about drift between commits.
    public enum Drift: String, CaseIterable, Codable, Sendable {
        /// Mend it.
        case correct
        /// Only tell it.
        case report
    }

    /// Which of the hosts that can take a new machine gets it.
    public enum PlacementStrategy: String, CaseIterable, Codable, Sendable {
        /// The one that is loaded least.
        case spread
        /// The one that is loaded most.
        case pack
    }

    /// The BGP that hosts speak for networks whose flooding is EVPN.
    public struct Routing: Hashable, Sendable, Codable {
        /// The autonomous system that every host is in.
        public var asn: Int
        /// Route reflectors outside the fleet, sorted; none where each host speaks with each other one.
        public var routeReflectors: [IPAddress]

        /// BGP's part.
        public init(asn: Int, routeReflectors: [IPAddress] = []) {
            self.asn = asn
            self.routeReflectors = routeReflectors
        }
    }

    /// What unattended runs may do.
    public struct Policy: Hashable, Sendable, Codable {
        /// Up to which disruption.
        public var unattended: Unattended
        /// Whether resources that left the fleet are removed.
        public var prune: Bool
        /// At most this many removals in one run.
        public var deletionBudget: Int
        /// What to do about drift.
        public var drift: Drift
        /// Whether snapshots go beyond those that they keep, each time that a new one was taken.
        public var rotateSnapshots: Bool

        /// The policy of a fleet; the defaults are those of a manifest that says nothing.
        public init(
            unattended: Unattended = .live, prune: Bool = false, deletionBudget: Int = 1, drift: Drift = .correct,
            rotateSnapshots: Bool = false
        ) {
            self.unattended = unattended
            self.prune = prune
            self.deletionBudget = deletionBudget
            self.drift = drift
            self.rotateSnapshots = rotateSnapshots
        }

        /// Reads a policy, that of an older version included, which knew no snapshots.
        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            unattended = try values.decode(Unattended.self, forKey: .unattended)
            prune = try values.decode(Bool.self, forKey: .prune)
            deletionBudget = try values.decode(Int.self, forKey: .deletionBudget)
            drift = try values.decode(Drift.self, forKey: .drift)
            rotateSnapshots = try values.decodeIfPresent(Bool.self, forKey: .rotateSnapshots) ?? false
        }
    }

    /// What becomes of volumes that `deletion: delete` has deleted.
    public struct DeletedVolumes: Hashable, Sendable, Codable {
        /// For how long each stays, in seconds.
        public var keepFor: Int

        /// They stay that many seconds.
        public init(keepFor: Int) { self.keepFor = keepFor }
    }

    /// What moving a machine that runs may take.
    public struct Migration: Hashable, Sendable, Codable {
        /// Of the network, for each of its memory and its disks; as much as there is when nil.
        public var bandwidth: BitRate?
        /// For how long the guest may stand still at the end, in milliseconds.
        public var maxDowntime: Int
        /// After how long a move that does not end is given up, in seconds.
        public var timeout: Int

        /// Limits of a move.
        public init(bandwidth: BitRate? = nil, maxDowntime: Int = 1000, timeout: Int = 3600) {
            self.bandwidth = bandwidth
            self.maxDowntime = maxDowntime
            self.timeout = timeout
        }
    }

    /// Name and labels. `metadata.id` holds the same UUID as `uuid`, as text.
    public var metadata: Metadata
    /// The random UUID that is the namespace of all identities.
    public var uuid: UUID
    /// What unattended runs may do.
    public var policy: Policy
    /// Which of the hosts that can take a new machine gets it.
    public var placement: PlacementStrategy
    /// The BGP of networks whose flooding is EVPN.
    public var evpn: Routing?
    /// What moving a machine that runs may take.
    public var migration: Migration
    /// What becomes of deleted volumes; they are gone at once when nil.
    public var deletedVolumes: DeletedVolumes?

    /// Declares a fleet.
    public init(
        metadata: Metadata, uuid: UUID, policy: Policy = Policy(), placement: PlacementStrategy = .spread,
        evpn: Routing? = nil,
        migration: Migration = Migration(), deletedVolumes: DeletedVolumes? = nil
    ) {
        self.metadata = metadata
        self.uuid = uuid
        self.policy = policy
        self.placement = placement
        self.evpn = evpn
        self.migration = migration
        self.deletedVolumes = deletedVolumes
    }
}
