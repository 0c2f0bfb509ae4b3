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
    @OptionGroup var secrets: SecretOptions
    @OptionGroup var run: RunOptions
    @OptionGroup var output: FormatOptions

    @Flag(help: "Show it again whenever something happens on the hosts, until Ctrl-C.")
    var watch = false

    func run() async throws {
        let input = try await FleetInput.load(fleet, secrets, format: output.format)
        let isConverged = watch ? await StatusWatch(command: self, input: input).run() : try await show(input)
        if !isConverged { throw ExitCode(Exit.failed) }
    }

    /// Observes and writes; whether the hosts are as declared.
    func show(_ input: FleetInput, clearing: Bool = false) async throws -> Bool {
        let connected = await ConnectedFleet(
            input.manifest, files: input.files, secrets: input.secrets, settings: run.settings)
        let observed = await connected.observe()
        let plan = Planner.plan(
            input.manifest, observed: observed, options: PlanOptions(allowance: .dataLoss, now: .now))
        let report = StatusReport(plan: plan, observed: observed)
        switch output.format {
        case .text: Console.output((clearing ? "\u{1b}[H\u{1b}[2J" : "") + report.text)
        case .json: Console.output(watch ? try JSONOutput.line(report) : try JSONOutput.document(report))
        }
        return report.isConverged
    }
}
