import Model

/// A plan as Terraform's and OpenTofu's users read theirs. Pure: the same plan gives the same text.
public struct PlanText: Sendable {
    /// Whether to colour by ECMA-48 sequences.
    public var isColoured: Bool

    /// A way of printing plans.
    public init(isColoured: Bool = false) { self.isColoured = isColoured }

    /// The whole text, ending in a newline.
    public func render(_ plan: Plan) -> String {
        var lines: [String] = []
        let shown = plan.steps
        if !shown.isEmpty {
            lines += legend(shown)
            let title = plan.problems.isEmpty ? "infra will do the following:" : "infra would do the following:"
            lines += ["", title, ""]
            for group in ResourceSteps.grouping(shown) { lines += render(group) + [""] }
        }
        if !plan.deferred.isEmpty {
            lines += ["Deferred (not allowed by --allow \(plan.allowance.rawValue)):", ""]
            for group in ResourceSteps.grouping(plan.deferred) { lines += render(group) + [""] }
        }
        lines += section("Blocked:", BlockedGroup.grouping(plan.blocked).flatMap(blocked))
        lines += section("Refused:", plan.problems.map(problem))
        lines += section("Notes:", plan.notes.map(note))
        lines += section("Retained (left the fleet, data kept):", plan.retained.map(retained))
        lines += section("Not ours (left alone):", foreign(plan))
        lines += section("Capacity:", CapacityText.lines(plan.capacity))
        lines.append(conclusion(plan))
        return lines.joined(separator: "\n") + "\n"
    }

    /// Only what differs, and the last line; for `infra diff`.
    public func differences(_ plan: Plan) -> String {
        var lines: [String] = []
        for group in ResourceSteps.grouping(plan.steps + plan.deferred) { lines += render(group) + [""] }
        lines += section("Blocked:", BlockedGroup.grouping(plan.blocked).flatMap(blocked))
        lines += section("Refused:", plan.problems.map(problem))
        lines.append(conclusion(plan))
        return lines.joined(separator: "\n") + "\n"
    }

    /// Only the notes on what might be done; empty when there are none.
    public func notes(_ plan: Plan) -> String {
        // What is true of a host at each run is no news where nothing is to be done.
        let lasting = [Diagnostic.notPersistent, Diagnostic.slowGuests]
        let lines = section("Notes:", plan.notes.filter { !lasting.contains($0.code) }.map(note))
        return lines.isEmpty ? "" : lines.joined(separator: "\n") + "\n"
    }

    /// The last line.
    public func conclusion(_ plan: Plan) -> String {
        let deferred = ResourceSteps.grouping(plan.deferred).count
        if !plan.problems.isEmpty {
            return "Refused: \(plan.problems.count) error\(plan.problems.count == 1 ? "" : "s"). Nothing will be done."
        }
        if plan.steps.isEmpty {
            if !plan.blocked.isEmpty { return "Nothing can be done: \(plan.blocked.count) blocked." }
            return deferred == 0
                ? "No changes." : "No changes within --allow \(plan.allowance.rawValue); \(deferred) deferred."
        }
        let summary = plan.summary
        var text =
            "Plan: " + (summary.adopt > 0 ? "\(summary.adopt) to import, " : "")
            + "\(summary.add) to add, \(summary.change) to change, \(summary.destroy) to destroy"
            + (summary.release > 0 ? ", \(summary.release) to forget" : "")
        if deferred > 0 { text += "; \(deferred) deferred" }
        if !plan.blocked.isEmpty { text += "; \(plan.blocked.count) blocked" }
        return text + "."
    }

    private func legend(_ steps: [Step]) -> [String] {
        let words: [(Action, String)] = [
            (.adopt, "adopt as it is"), (.create, "create"), (.update, "update in place"), (.delete, "destroy"),
            (.replace, "destroy and create anew"), (.release, "forget, leaving it as it is"),
        ]
        let used = Set(steps.map(\.action))
        return ["Actions are shown with these symbols:"]
            + words.filter { used.contains($0.0) }.map { "  \(symbol($0.0)) \($0.1)" }
    }

    private func render(_ group: ResourceSteps) -> [String] {
        var lines = ["  \(symbol(group.action)) \(group.resource) on \(group.host)\(disturbs(group))"]
        for step in group.steps {
            lines.append("      \(step.operation.verb): \(TerminalText.safe(step.reason))\(marks(step))")
            lines += step.changes.map { "        " + change($0) }
        }
        return lines
    }

    private func disturbs(_ group: ResourceSteps) -> String {
        group.disruption == .none ? "" : "  " + paint("# \(group.disruption.rawValue)", .yellow)
    }

    private func marks(_ step: Step) -> String {
        step.disruption == .none ? "" : " [\(step.disruption.rawValue)]"
    }

    private func change(_ change: FieldChange) -> String {
        let old = change.old.map(TerminalText.safe)
        let new = change.new.map(TerminalText.safe)
        let needs = change.needs.map { "  " + paint("# needs \($0)", .yellow) } ?? ""
        let field = TerminalText.safe(change.field)
        switch (old, new) {
        case (let old?, let new?): return "\(symbol(.update)) \(field): \(old) -> \(new)\(needs)"
        case (nil, let new?): return "\(symbol(.create)) \(field): \(new)\(needs)"
        case (let old?, nil): return "\(symbol(.delete)) \(field): \(old)\(needs)"
        case (nil, nil): return "  \(field)\(needs)"
        }
    }

    private func blocked(_ group: BlockedGroup) -> [String] {
        let blocked = group.first
        if let problem = blocked.problem {
            return [
                "  ! " + TerminalText.safe("\(blocked.place): ")
                    + words(problem, problem.position.map { "\($0): " } ?? "")
            ]
        }
        return ["  ! \(blocked.place): \(blocked.reason)"].map(TerminalText.safe)
            + (group.likewise.map { ["      " + TerminalText.safe($0)] } ?? [])
    }

    private func problem(_ problem: Diagnostic) -> String {
        "  " + words(problem, problem.position.map { "\($0): " } ?? problem.resource.map { "\($0): " } ?? "")
    }

    private func words(_ problem: Diagnostic, _ place: String) -> String {
        let help = problem.help.map { "; \($0)" } ?? ""
        return TerminalText.safe(place) + paint("error", .red)
            + TerminalText.safe("[\(problem.code)]: \(problem.message)\(help)")
    }

    private func note(_ note: Diagnostic) -> String {
        let resource = note.resource.map { "\($0): " } ?? ""
        let help = note.help.map { "; \($0)" } ?? ""
        return TerminalText.safe("  \(resource)\(note.message)\(help)")
    }

    private func retained(_ volume: Volume) -> String {
        "  Volume/\(volume.metadata.identity), \(volume.spec.size), \(TerminalText.safe(volume.status?.path ?? ""))"
            + (volume.status?.mark?.deleted.map { ", deleted, stays until \($0.until)" } ?? "")
    }

    private func foreign(_ plan: Plan) -> [String] {
        plan.foreign.sorted { $0.key < $1.key }.flatMap { host, objects in
            objects.map { object in
                let owner = object.owner.isEmpty ? "" : " (\(object.owner))"
                return TerminalText.safe("  \(object.kind.rawValue) \(object.name)\(owner) on \(host)")
            }
        }
    }

    private func section(_ title: String, _ lines: [String]) -> [String] {
        lines.isEmpty ? [] : [title] + lines + [""]
    }

    private enum Colour: String {
        case red = "31"
        case green = "32"
        case yellow = "33"
    }

    private func symbol(_ action: Action) -> String {
        switch action {
        case .create, .adopt: paint(action.symbol, .green)
        case .update, .release: paint(action.symbol, .yellow)
        case .delete, .replace: paint(action.symbol, .red)
        }
    }

    private func paint(_ text: String, _ colour: Colour) -> String {
        isColoured ? "\u{1b}[\(colour.rawValue)m\(text)\u{1b}[0m" : text
    }
}
