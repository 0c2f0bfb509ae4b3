import ArgumentParser
import Foundation
import Model
import Planning
import Reconciler

/// The course of an apply on a terminal: plan, question, progress, summary, exit code.
struct ApplySession {
    let manifest: FleetManifest
    /// Where the manifests are; nil when a plan file is applied.
    let input: FleetInput?
    let files: ImageFiles?
    let secrets: SecretSource?
    let settings: RunSettings
    let options: PlanOptions
    let apply: ApplyOptions
    let format: OutputFormat

    /// Runs to the end.
    /// - Parameters:
    ///   - approved: A plan that was approved before.
    ///   - basis: What it was made from, if it is to be done only while that holds.
    /// - Throws: `ExitCode` unless everything converged.
    func run(approved: Plan? = nil, basis: PlanBasis? = nil) async throws {
        let connected = await ConnectedFleet(manifest, files: files, secrets: secrets, settings: settings)
        var approved = approved
        if approved == nil, !apply.yes {
            let plan = located(await connected.plan(options))
            show(plan)
            guard plan.problems.isEmpty else { throw ExitCode(Exit.refused) }
            if !plan.steps.isEmpty { try ask(plan) }
            approved = plan
        }
        let progress = Progress(format)
        let interrupts = Interrupts { progress.running }
        do {
            let (plan, report) = try await connected.apply(
                approved, basis: basis, options: options, lockTimeout: apply.lockTimeout.duration,
                show: { plan in show(located(plan)) }, stopReason: { interrupts.reason }, report: progress.take)
            try conclude(plan, report)
        } catch let refusal as ApplyRefusal {
            try told(refusal)
        }
    }

    private func located(_ plan: Plan) -> Plan { input?.located(plan) ?? plan }

    private func show(_ plan: Plan) {
        switch format {
        case .text:
            let text = PlanText(isColoured: Console.isAnimated)
            Console.output(plan.isEmpty && plan.deferred.isEmpty ? text.notes(plan) : text.render(plan) + "\n")
        case .json:
            if let line = try? JSONOutput.line(["plan": plan]) { Console.output(line) }
        }
    }

    private func ask(_ plan: Plan) throws {
        guard Console.canAsk else {
            Console.error("error[no-answer]: nobody to ask; say --yes to apply without a question")
            throw ExitCode(Exit.couldNotRun)
        }
        let answer = Console.ask("Do this? Only `yes` is taken as yes: ")
        guard answer == "yes" else {
            Console.error("Nothing was done.")
            throw ExitCode(Exit.refused)
        }
    }

    private func told(_ refusal: ApplyRefusal) throws {
        switch refusal {
        case .locked(let holder):
            Console.error(
                "error[locked]: another controller is at work: \(TerminalText.safe(holder)); wait with --lock-timeout")
            throw ExitCode(Exit.refused)
        case .changed(let what):
            Console.error("error[changed]: \(TerminalText.safe(what))")
            throw ExitCode(Exit.refused)
        case .host(let what):
            Console.error("error[host]: \(TerminalText.safe(what))")
            throw ExitCode(Exit.failed)
        }
    }

    private func conclude(_ plan: Plan, _ report: ApplyReport) throws {
        if !plan.problems.isEmpty { throw ExitCode(Exit.refused) }
        let remaining = report.remaining ?? plan
        switch format {
        case .text: Console.output(summary(plan, report, remaining))
        case .json: Console.output(try JSONOutput.line(["report": report]))
        }
        guard report.isComplete, remaining.isEmpty else { throw ExitCode(Exit.failed) }
        if !remaining.deferred.isEmpty { throw ExitCode(Exit.deferred) }
    }

    private func summary(_ plan: Plan, _ report: ApplyReport, _ remaining: Plan) -> String {
        var lines: [String] = []
        func list(_ title: String, _ failures: [ApplyReport.Failure]) {
            guard !failures.isEmpty else { return }
            lines.append("\(title):")
            lines += failures.map { "  \($0.step): \(TerminalText.safe($0.reason))" }
        }
        list("Failed", report.failed)
        list("Outcome unknown, read again by the next run", report.unknown)
        list("Not tried", report.notTried)
        if !plan.steps.isEmpty {
            var counts = "Applied: \(report.done.count) step\(report.done.count == 1 ? "" : "s") done"
            if !report.failed.isEmpty { counts += ", \(report.failed.count) failed" }
            if !report.unknown.isEmpty { counts += ", \(report.unknown.count) unknown" }
            if !report.notTried.isEmpty { counts += ", \(report.notTried.count) not tried" }
            lines.append(counts + ".")
        }
        if remaining.steps.isEmpty, remaining.blocked.isEmpty {
            if report.isComplete { lines.append(PlanText().conclusion(remaining)) }
        } else {
            lines.append("Not converged; what is left:")
            lines += remaining.steps.map { "  \($0.resource): \($0.operation.verb)" }
            for group in BlockedGroup.grouping(remaining.blocked) {
                lines.append("  \(group.first.resource): blocked: \(TerminalText.safe(group.first.reason))")
                if let likewise = group.likewise { lines.append("    " + TerminalText.safe(likewise)) }
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
