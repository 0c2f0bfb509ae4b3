import Model

/// The capacity table of a plan.
enum CapacityText {
    /// One line for each host and measure and for each pool, in columns.
    static func lines(_ capacity: [Capacity]) -> [String] {
        guard !capacity.isEmpty else { return [] }
        var rows = [["", "promised", "physical", "allowed"]]
        for entry in capacity {
            rows.append([
                entry.name, entry.text(entry.promised), entry.physical.map(entry.text) ?? "?",
                entry.allowed.map(entry.text) ?? "?",
            ])
        }
        return columns(rows)
    }

    /// Rows of a table below each other, the first column to the left, the others, which are amounts, to the right.
    static func columns(_ rows: [[String]]) -> [String] {
        guard let first = rows.first else { return [] }
        let widths = first.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.enumerated().map { index, cell in
                let padding = String(repeating: " ", count: widths[index] - cell.count)
                return index == 0 ? cell + padding : padding + cell
            }
            return "  " + cells.joined(separator: "  ")
        }
    }
}

extension Capacity {
    fileprivate var name: String {
        guard measure == .disk else { return "\(resource) \(measure.rawValue)" }
        return shared == true ? "\(resource) disk, shared" : "\(resource) disk on \(host)"
    }
}
