/// The kinds of resource a fleet is made of. The order is the order in which a reader meets them in listings.
public enum ResourceKind: String, CaseIterable, Codable, Sendable, Hashable {
    /// The namespace and the policies.
    case fleet = "Fleet"
    /// A machine that runs guests.
    case host = "Host"
    /// Where volumes lie.
    case storagePool = "StoragePool"
    /// A base image, a kernel or an initrd.
    case image = "Image"
    /// A disk.
    case volume = "Volume"
    /// A layer-2 network.
    case network = "Network"
    /// A guest.
    case virtualMachine = "VirtualMachine"
    /// What disks held at a moment.
    case snapshot = "Snapshot"

    /// The place of this kind in listings, from 0.
    public var rank: Int {
        switch self {
        case .fleet: 0
        case .host: 1
        case .storagePool: 2
        case .image: 3
        case .network: 4
        case .volume: 5
        case .virtualMachine: 6
        case .snapshot: 7
        }
    }
}

/// The identity of a resource within its fleet, written `Kind/id` everywhere: in plans, marks, errors and on the
/// command line. The id is `metadata.id`, else the name; a disk declared inside a machine is `Volume/<vm>.<disk>`.
public struct ResourceID: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// What it is.
    public let kind: ResourceKind
    /// Which one, unique among the resources of that kind in the fleet.
    public let id: String

    /// Names a resource.
    public init(_ kind: ResourceKind, _ id: String) {
        self.kind = kind
        self.id = id
    }

    /// Reads `Kind/id`; nil for anything else.
    public init?(_ text: some StringProtocol) {
        guard let slash = text.firstIndex(of: "/"), let kind = ResourceKind(rawValue: String(text[..<slash])) else {
            return nil
        }
        let id = text[text.index(after: slash)...]
        guard !id.isEmpty else { return nil }
        self.init(kind, String(id))
    }

    /// `Kind/id`.
    public var description: String { "\(kind.rawValue)/\(id)" }

    /// Orders by kind, then by id.
    public static func < (left: ResourceID, right: ResourceID) -> Bool {
        left.kind == right.kind ? left.id < right.id : left.kind.rank < right.kind.rank
    }
}

extension ResourceID: Codable {
    /// Decodes the `Kind/id` string.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = ResourceID(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not Kind/id: \(text)")
        }
        self = value
    }

    /// Encodes as the `Kind/id` string.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
