public import Model

/// What happens to a resource.
public enum Action: String, CaseIterable, Codable, Sendable {
    /// It is there and becomes ours, as it is.
    case adopt
    /// It comes into being.
    case create
    /// It changes in place.
    case update
    /// It is made anew.
    case replace
    /// It goes.
    case delete
    /// It stays as it is and is not ours any more.
    case release

    /// The symbol that Terraform's users know.
    public var symbol: String {
        switch self {
        case .adopt: "&"
        case .create: "+"
        case .update: "~"
        case .replace: "-/+"
        case .delete: "-"
        case .release: "."
        }
    }
}

/// A managed field that differs.
public struct FieldChange: Hashable, Sendable, Codable {
    /// The path from the document's root: `spec.disks[root].size`.
    public var field: String
    /// What it is; nil where there is nothing.
    public var old: String?
    /// What it will be; nil where there will be nothing.
    public var new: String?
    /// What the change needs to take effect, when that is more than the step itself.
    public var needs: String?

    /// A difference.
    public init(_ field: String, old: String?, new: String?, needs: String? = nil) {
        self.field = field
        self.old = old
        self.new = new
        self.needs = needs
    }
}

/// One effect on one host. A step is atomic in its backend, or leaves something that the next observation recognises.
public struct Step: Hashable, Sendable, Codable, Identifiable {
    /// `host/Kind/id/operation`, unique within a plan.
    public var id: String
    /// The host, by identity.
    public var host: String
    /// Which resource.
    public var resource: ResourceID
    /// What happens to the resource. Several steps of one resource share it.
    public var action: Action
    /// The effect.
    public var operation: Operation
    /// What it disturbs.
    public var disruption: Disruption
    /// Why, in words.
    public var reason: String
    /// The fields that differ.
    public var changes: [FieldChange]
    /// The steps it waits for, by id.
    public var after: [String]

    /// An effect.
    public init(
        host: String, resource: ResourceID, action: Action, operation: Operation, disruption: Disruption = .none,
        reason: String, changes: [FieldChange] = [], after: [String] = []
    ) {
        id = Self.id(host: host, resource: resource, operation.name)
        self.host = host
        self.resource = resource
        self.action = action
        self.operation = operation
        self.disruption = disruption
        self.reason = reason
        self.changes = changes
        self.after = after
    }

    /// The hosts that it reads or changes, by identity.
    public var hosts: [String] { [host] + [operation.peer].compactMap(\.self) }

    /// Whether it takes away something that the fleet no longer has. Clearing up what a run left unfinished is no removal.
    public var isRemoval: Bool {
        switch operation {
        case .removeStaged, .removeStagedLink: false
        // Another one was taken for it: nothing leaves the fleet.
        case .rotatePart: false
        // It left the fleet when it was deleted.
        case .expireDeleted: false
        // It leaves the fleet although its file stays.
        case .markVolume(let volume): volume.status?.mark?.retained == true
        default: action == .delete || action == .release
        }
    }

    /// Whether it takes a snapshot that is due, or removes what one does not keep or what was deleted, in its time: no drift of anything.
    public var isOfSnapshots: Bool { resource.kind == .snapshot || isRotation || isExpiry }

    /// Whether it removes what was deleted and stayed until now.
    public var isExpiry: Bool {
        if case .expireDeleted = operation { true } else { false }
    }

    /// Whether it removes what a snapshot does not keep.
    var isRotation: Bool {
        if case .rotatePart = operation { true } else { false }
    }

    /// Whether it is about a volume that is a part of a snapshot.
    func isPart(of snapshot: String) -> Bool {
        resource.kind == .volume && Snapshot.Part.named(by: resource.id)?.snapshot == snapshot
    }

    /// Whether both do the same for the same reason. What they wait for may differ: some of it may be done already.
    public func isTheSame(as other: Step) -> Bool {
        id == other.id && action == other.action && operation == other.operation && disruption == other.disruption
            && changes == other.changes
    }

    /// The id of a step.
    public static func id(host: String, resource: ResourceID, _ operation: String) -> String {
        "\(host)/\(resource)/\(operation)"
    }
}

/// The steps of one resource on one host, as a reader sees them.
public struct ResourceSteps: Hashable, Sendable {
    /// The host, by identity.
    public var host: String
    /// Which resource.
    public var resource: ResourceID
    /// Its steps, in order.
    public var steps: [Step]

    /// What happens to the resource as a whole.
    public var action: Action { steps.first?.action ?? .update }
    /// The most any of them disturbs.
    public var disruption: Disruption { steps.map(\.disruption).max() ?? .none }

    /// Groups steps by host and resource, sorted by host, kind and identity.
    public static func grouping(_ steps: [Step]) -> [ResourceSteps] {
        var order: [String] = []
        var groups: [String: ResourceSteps] = [:]
        for step in steps {
            let key = "\(step.host)/\(step.resource)"
            if groups[key] == nil {
                order.append(key)
                groups[key] = ResourceSteps(host: step.host, resource: step.resource, steps: [])
            }
            groups[key]?.steps.append(step)
        }
        return order.compactMap { groups[$0] }.sorted {
            $0.host == $1.host ? $0.resource < $1.resource : $0.host < $1.host
        }
    }
}
