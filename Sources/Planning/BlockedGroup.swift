public import Model

/// What is blocked on one host for one reason, which is told once.
public struct BlockedGroup: Hashable, Sendable {
    /// The first of them.
    public var first: Blocked
    /// The others, in order.
    public var others: [ResourceID] = []

    /// More names than these are only counted.
    private static let named = 20
    private struct Key: Hashable {
        var host: String
        var reason: String
    }

    /// Groups by host and reason, in the order of the first of each. What the manifests are to blame for stands alone: it has
    /// a place in them.
    public static func grouping(_ blocked: [Blocked]) -> [BlockedGroup] {
        var groups: [BlockedGroup] = []
        var places: [Key: Int] = [:]
        for one in blocked {
            let key = Key(host: one.host, reason: one.reason)
            if one.problem == nil, let place = places[key] {
                groups[place].others.append(one.resource)
            } else {
                if one.problem == nil { places[key] = groups.count }
                groups.append(BlockedGroup(first: one))
            }
        }
        return groups
    }

    /// `likewise: Image/tiny, Volume/a.root and 3 more`; nil when there are no others.
    public var likewise: String? {
        guard !others.isEmpty else { return nil }
        let names = others.prefix(Self.named).map { "\($0)" }.joined(separator: ", ")
        return "likewise: \(names)" + (others.count > Self.named ? " and \(others.count - Self.named) more" : "")
    }
}
