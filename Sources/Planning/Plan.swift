public import Foundation
public import Model

/// What an apply would do: an inert value. It can be printed, stored, compared and read back; making one touches
/// nothing. Apply does the steps of `steps` in an order that their `after` allows, and nothing else.
public struct Plan: Hashable, Sendable, Codable {
    /// The version of the JSON form. Raised when a reader of the old one would misread the new one.
    public static let currentVersion = 1

    /// The version of the JSON form of this plan.
    public var version = Plan.currentVersion
    /// The fleet's name.
    public var fleetName: String
    /// The fleet's UUID.
    public var fleet: UUID
    /// The most disturbing class that is allowed.
    public var allowance: Disruption
    /// What will be done, each after all it waits for.
    public var steps: [Step] = []
    /// What would be done with a larger allowance: its class exceeds it, or it waits for one that does.
    public var deferred: [Step] = []
    /// Resources about which nothing can be done now, with the reason.
    public var blocked: [Blocked] = []
    /// Errors that refuse the whole plan: capacity, protection.
    public var problems: [Diagnostic] = []
    /// Worth knowing.
    public var notes: [Diagnostic] = []
    /// Promised, physical and allowed, of every host and pool.
    public var capacity: [Capacity] = []
    /// Volumes that left the fleet and were kept.
    public var retained: [Volume] = []
    /// When a snapshot is due next, or the time of a deleted volume is over; nil when neither will be.
    public var nextSnapshot: Moment?
    /// What is not ours, by host.
    public var foreign: [String: [ForeignObject]] = [:]

    /// An empty plan.
    public init(fleetName: String, fleet: UUID, allowance: Disruption) {
        self.fleetName = fleetName
        self.fleet = fleet
        self.allowance = allowance
    }

    /// Whether nothing is left to do within the allowance and nothing stands in the way.
    public var isEmpty: Bool { steps.isEmpty && blocked.isEmpty && problems.isEmpty }

    /// Counts of resources, as Terraform's users read them.
    public struct Summary: Hashable, Sendable, Codable {
        /// Resources that are there and become ours.
        public var adopt = 0
        /// Resources that will come into being.
        public var add = 0
        /// Resources that stay and change.
        public var change = 0
        /// Resources that will go.
        public var destroy = 0
        /// Resources that stay and are not ours any more.
        public var release = 0

        /// Nothing.
        public init() {}

        /// Reads counts, those of an older version included, which knew less of them.
        public init(from decoder: any Decoder) throws {
            let counts = try decoder.container(keyedBy: CodingKeys.self)
            adopt = try counts.decodeIfPresent(Int.self, forKey: .adopt) ?? 0
            add = try counts.decode(Int.self, forKey: .add)
            change = try counts.decode(Int.self, forKey: .change)
            destroy = try counts.decode(Int.self, forKey: .destroy)
            release = try counts.decodeIfPresent(Int.self, forKey: .release) ?? 0
        }
    }

    /// How many resources `steps` adds, changes and destroys. A replaced resource counts as both added and destroyed.
    public var summary: Summary {
        var summary = Summary()
        for group in ResourceSteps.grouping(steps) {
            switch group.action {
            case .adopt:
                summary.adopt += 1
                if group.steps.contains(where: { $0.action != .adopt }) { summary.change += 1 }
            case .release: summary.release += 1
            case .create: summary.add += 1
            case .update: summary.change += 1
            case .delete: summary.destroy += 1
            case .replace:
                summary.add += 1
                summary.destroy += 1
            }
        }
        return summary
    }
}

/// A resource about which nothing can be done now.
public struct Blocked: Hashable, Sendable, Codable {
    /// The host, by identity: where it is or is to be, or which one stands in the way; empty when none is to be named.
    public var host: String
    /// Which resource.
    public var resource: ResourceID
    /// Why, in words.
    public var reason: String
    /// What the manifests ask for and nothing can do, where that is why.
    public var problem: Diagnostic?
}

extension Plan {
    /// Whether the manifests ask for something that nothing can do.
    public var isFaulty: Bool { !problems.isEmpty || blocked.contains { $0.problem != nil } }
}

extension Blocked {
    /// `Kind/id on host` for a reader.
    public var place: String { host.isEmpty ? "\(resource)" : "\(resource) on \(host)" }
}
