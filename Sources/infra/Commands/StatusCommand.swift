import ArgumentParser
import Model
import Planning
import Reconciler

/// `infra status`: how the hosts are, and what differs from the manifests.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show how the hosts are and what drifted.",
        discussion: "Exit codes: 0 converged, 1 drifted, deferred, blocked or pending, 2 invalid or could not run.")

    @OptionGroup var fleet: FleetOptions
    @OptionGroup var run: RunOptions
    @OptionGroup var output: FormatOptions

    func run() async throws {
        let input = try FleetInput.load(fleet, format: output.format)
        let connected = await ConnectedFleet(input.manifest, files: input.files, settings: run.settings)
        let observed = await connected.observe()
        let plan = Planner.plan(input.manifest, observed: observed, options: PlanOptions(allowance: .dataLoss))
        let report = StatusReport(plan: plan, observed: observed)
        switch output.format {
        case .text: Console.output(report.text)
        case .json: Console.output(try JSONOutput.document(report))
        }
        if !report.isConverged { throw ExitCode(Exit.failed) }
    }
}
