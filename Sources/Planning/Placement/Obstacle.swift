import Model

/// Why a host cannot take a machine.
enum Obstacle: Hashable {
    case maintenance
    case offline
    case unknown(String)
    case noPool(String)
    case noLeases(pool: String, String)
    case noUnderlay(network: String)
    case noBridge(network: String)
    case noLabel(String, String)
    case noKVM(String)
    case cpu(missing: UInt64, free: UInt64, allowed: UInt64)
    case memory(missing: UInt64, free: UInt64, allowed: UInt64)
    case disk(pool: String, missing: UInt64, free: UInt64, allowed: UInt64)
    /// A machine there has labels that this one keeps away from.
    case keepsAway(LabelSelector)
    /// A machine there keeps away from this one's labels.
    case keptAway(LabelSelector)
    /// No machine there has the labels that this one follows, and elsewhere one has.
    case alone(LabelSelector)
    /// A machine elsewhere follows this one's labels.
    case awaited(LabelSelector)
    /// A network that stays on its host is elsewhere.
    case networkElsewhere(String)

    /// In full, for one host.
    var text: String {
        switch self {
        case .maintenance: "in maintenance"
        case .offline: "offline"
        case .unknown(let reason): "unknown: \(reason)"
        case .noPool(let pool): "has no StoragePool/\(pool)"
        case .noLeases(let pool, let reason): "takes no leases for StoragePool/\(pool) (\(reason))"
        case .noUnderlay(let network): "has no underlay for Network/\(network)"
        case .noBridge(let network): "has no bridge of the name that Network/\(network) has"
        case .noLabel(let name, let value): "has no label \(name): \(value)"
        case .noKVM(let reason): "has no KVM" + (reason.isEmpty ? "" : " (\(reason))")
        case .cpu(let missing, let free, let allowed): "\(missing) CPU missing (\(free) of \(allowed) free)"
        case .memory(let missing, let free, let allowed):
            "\(Self.size(missing)) of memory missing (\(Self.size(free)) of \(Self.size(allowed)) free)"
        case .disk(let pool, let missing, let free, let allowed):
            "\(Self.size(missing)) missing in StoragePool/\(pool) (\(Self.size(free)) of \(Self.size(allowed)) free)"
        case .keepsAway(let term): "has a machine with \(Self.text(term)), which it keeps away from"
        case .keptAway(let term): "has a machine that keeps away from \(Self.text(term))"
        case .alone(let term): "has no machine with \(Self.text(term))"
        case .awaited(let term): "has no machine that follows \(Self.text(term)), and another has"
        case .networkElsewhere(let network): "Network/\(network) stays on its host, which is another"
        }
    }

    /// What many hosts have in common, behind their number: `in maintenance`.
    var category: String {
        switch self {
        case .cpu: "short of CPU"
        case .memory: "short of memory"
        case .disk(let pool, _, _, _): "short of space in StoragePool/\(pool)"
        case .unknown: "unknown"
        case .noKVM: "without KVM"
        case .noPool(let pool): "without StoragePool/\(pool)"
        case .noLeases(let pool, _): "without leases for StoragePool/\(pool)"
        case .noUnderlay(let network): "without an underlay for Network/\(network)"
        case .noBridge(let network): "without the bridge of Network/\(network)"
        case .noLabel(let name, let value): "without the label \(name): \(value)"
        case .keepsAway(let term): "with a machine of \(Self.text(term)), which it keeps away from"
        case .keptAway(let term): "with a machine that keeps away from \(Self.text(term))"
        case .alone(let term): "without a machine of \(Self.text(term))"
        case .awaited(let term): "without the machine that follows \(Self.text(term))"
        case .networkElsewhere(let network): "other than the one on which Network/\(network) stays"
        case .maintenance, .offline: text
        }
    }

    /// By how much a limit is missed; nil where it is no matter of amounts.
    var missing: UInt64? {
        switch self {
        case .cpu(let missing, _, _), .memory(let missing, _, _), .disk(_, let missing, _, _): missing
        default: nil
        }
    }

    private static func size(_ bytes: UInt64) -> String { ByteCount(bytes).rounded }

    static func text(_ labels: LabelSelector) -> String {
        labels.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
    }
}

/// Why no host can take a machine, host by host, or in sum where there are many.
struct Refusals {
    /// The hosts with what stands in the way there, in order.
    let hosts: [(name: String, obstacles: [Obstacle])]
    /// More than these are told in sum.
    static let detailLimit = 8

    /// `a: in maintenance; b: 2GiB of memory missing (1GiB of 8GiB free)`.
    var text: String {
        guard hosts.count > Self.detailLimit else {
            return hosts.map { host in "\(host.name): " + host.obstacles.map(\.text).joined(separator: ", ") }
                .joined(separator: "; ")
        }
        var sums: [String: (count: Int, nearest: (host: String, obstacle: Obstacle)?)] = [:]
        for host in hosts {
            for obstacle in host.obstacles {
                var sum = sums[obstacle.category] ?? (0, nil)
                sum.count += 1
                if let missing = obstacle.missing, missing < sum.nearest?.obstacle.missing ?? .max {
                    sum.nearest = (host.name, obstacle)
                }
                sums[obstacle.category] = sum
            }
        }
        return sums.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }.map { category, sum in
            "\(sum.count) \(category)" + (sum.nearest.map { ", least on \($0.host): \($0.obstacle.text)" } ?? "")
        }.joined(separator: "; ")
    }
}
