/// A topological sort that keeps the given order where nothing forces another.
enum Ordering {
    /// Steps that wait for each other in a ring, which is a defect of planning.
    struct Cycle: Error, CustomStringConvertible {
        let steps: [String]
        var description: String { "steps wait for each other: " + steps.joined(separator: " → ") }
    }

    /// The steps, each behind all that it waits for. Waiting for a step that is not among them is dropped.
    static func sorted(_ steps: [Step]) throws(Cycle) -> [Step] {
        var indices: [String: Int] = [:]
        for (index, step) in steps.enumerated() { indices[step.id] = index }
        var known = steps
        for index in known.indices {
            known[index].after = Set(known[index].after.filter { indices[$0] != nil }).sorted()
        }
        var result: [Step] = []
        result.reserveCapacity(known.count)
        var state = [Visit](repeating: .new, count: known.count)
        var path: [Int] = []
        for start in known.indices where state[start] == .new {
            path.append(start)
            while let index = path.last {
                if state[index] == .new { state[index] = .open }
                let next = known[index].after.compactMap { indices[$0] }.first { state[$0] != .done }
                guard let next else {
                    if state[index] != .done { result.append(known[index]) }
                    state[index] = .done
                    path.removeLast()
                    continue
                }
                if state[next] == .open {
                    let ring = path.drop { $0 != next } + [next]
                    throw Cycle(steps: ring.map { known[$0].id })
                }
                path.append(next)
            }
        }
        return result
    }

    private enum Visit { case new, open, done }
}
