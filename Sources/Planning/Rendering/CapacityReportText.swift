import Model

/// A fleet's capacity for a reader. Pure: the same report gives the same text.
public enum CapacityReportText {
    /// More names than these are only counted.
    private static let named = 20

    /// The whole text, ending in a newline.
    public static func render(_ report: CapacityReport, lost: HostLoss? = nil) -> String {
        var lines = table(report) + forecasts(report) + [""] + verdict(report)
        if let lost { lines += [""] + text(lost) }
        return lines.map(TerminalText.safe).joined(separator: "\n") + "\n"
    }

    private static func table(_ report: CapacityReport) -> [String] {
        let title = ["", "physical", "used", "allowed", "promised", "planned", "free"]
        let rows = report.hosts.map { entry in
            row(entry, entry.host == nil ? entry.resource.map { "\($0) disk, shared" } ?? entry.name : entry.name)
        }
        // Of one host the sum is the row above.
        let sums = Set(report.hosts.compactMap(\.host)).count > 1 ? report.sums.map { row($0, $0.name) } : []
        return CapacityText.columns([title] + rows + sums)
    }

    private static func row(_ row: CapacityReport.Row, _ name: String) -> [String] {
        let text = row.measure.text
        return [
            name, row.physical.map(text) ?? "?", row.measure == .disk ? row.used.map(text) ?? "?" : "",
            row.allowed.map(text) ?? "?", text(row.promised), text(row.planned), row.free.map(text) ?? "?",
        ]
    }

    private static func forecasts(_ report: CapacityReport) -> [String] {
        let lines = report.hosts.compactMap { row in
            row.forecast.map { forecast in
                let days = forecast.days == 1 ? "1 day" : "\(forecast.days) days"
                let rate = ByteCount(forecast.bytesPerDay).rounded
                let since = forecast.since.description.prefix(10)
                return "  \(row.name): full in about \(days), if it goes on with \(rate) a day as since \(since)"
            }
        }
        return lines.isEmpty ? [] : [""] + lines
    }

    private static func verdict(_ report: CapacityReport) -> [String] {
        var lines: [String] = []
        if !report.placed.isEmpty {
            lines.append("\(machines(report.placed.count)) to place:")
            lines += report.placed.prefix(named).map { "  VirtualMachine/\($0.machine) on \($0.host)" }
            if report.placed.count > named { lines.append("  … and \(report.placed.count - named) more") }
        }
        lines += blocked(report.blocked)
        lines += report.problems.map(problem)
        if report.fits {
            lines.append(report.placed.isEmpty ? "Everything has its place." : "Everything fits.")
        } else if report.problems.isEmpty {
            lines.append("Whether it fits is not known: \(report.blocked.count) blocked.")
        } else {
            lines.append("It does not fit.")
        }
        return lines
    }

    private static func text(_ loss: HostLoss) -> [String] {
        var lines = ["Without host \(loss.host):", ""] + table(loss.rest) + [""]
        guard !loss.machines.isEmpty else { return lines + ["No machine is on it."] }
        let homeless = loss.rest.problems.compactMap(\.resource).filter { $0.kind == .virtualMachine }.count
        let moved = loss.rest.placed.filter { loss.machines.contains($0.machine) }
        lines += moved.prefix(named).map { "  VirtualMachine/\($0.machine) on \($0.host)" }
        if moved.count > named { lines.append("  … and \(moved.count - named) more") }
        if !loss.bound.isEmpty {
            lines.append("  \(machines(loss.bound.count)) named the host and would be nowhere: \(list(loss.bound))")
        }
        lines += blocked(loss.rest.blocked)
        lines += loss.rest.problems.map(problem)
        if !loss.withData.isEmpty {
            lines.append(
                "  The disks of \(machines(loss.withData.count)) are on that host only: \(list(loss.withData))")
        }
        let count = machines(loss.machines.count)
        lines.append(
            loss.isSurvived
                ? "\(count) would be lost there, and each finds another host."
                : "\(count) would be lost there; \(moved.count) of them find another host"
                    + (homeless > 0 ? ", for \(homeless) there is no room." : "."))
        return lines
    }

    private static func blocked(_ blocked: [Blocked]) -> [String] {
        BlockedGroup.grouping(blocked).flatMap { group in
            ["  ! \(group.first.place): \(group.first.reason)"] + (group.likewise.map { ["      \($0)"] } ?? [])
        }
    }

    private static func problem(_ problem: Diagnostic) -> String {
        let place = problem.position.map { "\($0): " } ?? problem.resource.map { "\($0): " } ?? ""
        return "  \(place)error[\(problem.code)]: \(problem.message)" + (problem.help.map { "; \($0)" } ?? "")
    }

    private static func machines(_ count: Int) -> String { count == 1 ? "1 machine" : "\(count) machines" }

    private static func list(_ names: [String]) -> String {
        names.prefix(named).joined(separator: ", ") + (names.count > named ? ", …" : "")
    }
}

extension CapacityReport.Row {
    fileprivate var name: String {
        let what = resource.map { "\($0)" } ?? "all hosts"
        guard measure == .disk else { return "\(what) \(measure.rawValue)" }
        return "\(what) disk" + (host.map { " on \($0)" } ?? " in sum")
    }
}
