import ArgumentParser
import Model
import Planning
import Reconciler

/// `infra diff`: differences as an exit code, for scripts.
struct DiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Show what differs, and exit with 1 when something does.",
        discussion: "Every class is shown. Exit codes: 0 none, 1 differences, 2 error or invalid.")

    @OptionGroup var fleet: FleetOptions
    @OptionGroup var secrets: SecretOptions
    @OptionGroup var run: RunOptions
    @OptionGroup var output: FormatOptions

    func run() async throws {
        let input = try await FleetInput.load(fleet, secrets, format: output.format)
        let connected = await ConnectedFleet(
            input.manifest, files: input.files, secrets: input.secrets, settings: run.settings)
        let plan = input.located(await connected.plan(PlanOptions(allowance: .dataLoss, now: .now)))
        switch output.format {
        case .text: Console.output(PlanText(isColoured: Console.isAnimated).differences(plan))
        case .json: Console.output(try JSONOutput.document(plan))
        }
        guard plan.problems.isEmpty, plan.blocked.isEmpty else { throw ExitCode(Exit.couldNotRun) }
        if !plan.steps.isEmpty { throw ExitCode(Exit.failed) }
    }
}
