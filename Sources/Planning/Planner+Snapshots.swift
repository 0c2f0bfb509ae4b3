import Model

extension Planner {
    /// Puts what is done to machines and disks after the snapshots that keep them as they are, and these after the removal of what
    /// an earlier run left: its job may still be at work on the same disks.
    static func keepBefore(
        _ snapshots: [(step: String, resources: Set<ResourceID>)], _ steps: inout [Step]
    ) {
        let ids = Set(steps.map(\.id))
        for (taking, resources) in snapshots where ids.contains(taking) {
            for index in steps.indices where !steps[index].removesUnfinished {
                if resources.contains(where: steps[index].touches) { steps[index].after.append(taking) }
            }
        }
        let unfinished = Dictionary(grouping: steps.filter(\.removesUnfinished), by: \.host).mapValues { $0.map(\.id) }
        guard !unfinished.isEmpty else { return }
        for index in steps.indices {
            guard case .takeSnapshot = steps[index].operation else { continue }
            steps[index].after += unfinished[steps[index].host] ?? []
        }
    }
}
