/// What a step disturbs, from nothing to data. A run is allowed up to one of these; what exceeds it is deferred.
public enum Disruption: String, CaseIterable, Codable, Sendable, Comparable {
    /// Nothing that runs notices.
    case none
    /// Something running changes without stopping.
    case live
    /// A guest stops and starts again.
    case restart
    /// A guest stops and stays off, or goes.
    case stop
    /// Data is gone afterwards.
    case dataLoss = "data-loss"

    /// Orders from least to most disturbing.
    public static func < (left: Disruption, right: Disruption) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .none: 0
        case .live: 1
        case .restart: 2
        case .stop: 3
        case .dataLoss: 4
        }
    }
}

/// What becomes of a volume's data when the volume leaves the fleet.
public enum Deletion: String, CaseIterable, Codable, Sendable {
    /// The data stays where it is and is listed.
    case retain
    /// The data is deleted by a run that allows `data-loss`.
    case delete
}
