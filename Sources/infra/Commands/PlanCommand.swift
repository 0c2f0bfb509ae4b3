import ArgumentParser
import Foundation
import Manifests
import Model
import Planning
import Reconciler

/// `infra plan`: what an apply would do.
struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show what an apply would do, and what it would disturb.",
        discussion: "Exit codes: 0, 1 error or invalid; with --detailed-exitcode 2 when something would change.")

    @OptionGroup var fleet: FleetOptions
    @OptionGroup var planning: PlanningOptions
    @OptionGroup var run: RunOptions
    @OptionGroup var output: FormatOptions

    @Option(
        help: ArgumentHelp(
            "Plan against what `infra observe` recorded there, without touching a host.", valueName: "file"),
        completion: .file())
    var inventory: String?

    @Option(help: ArgumentHelp("Write the plan there, for `infra apply --plan`.", valueName: "file"))
    var out: String?

    @Flag(help: "Exit with 2 when something would change or is deferred.")
    var detailedExitcode = false

    func run() async throws {
        let input = try FleetInput.load(fleet, format: output.format, invalid: Exit.failed)
        let plan = input.located(try await plan(input))
        switch output.format {
        case .text: Console.output(PlanText(isColoured: Console.isAnimated).render(plan))
        case .json: Console.output(try JSONOutput.document(plan))
        }
        if let out {
            try PlanFile(
                plan: plan, manifest: input.manifest, allowance: planning.allow, targets: planning.target.sorted()
            ).write(to: out)
        }
        guard plan.problems.isEmpty else { throw ExitCode(Exit.failed) }
        let differs = !plan.isEmpty || !plan.deferred.isEmpty
        if detailedExitcode, differs { throw ExitCode(Exit.couldNotRun) }
    }

    private func plan(_ input: FleetInput) async throws -> Plan {
        guard let inventory else {
            let connected = await ConnectedFleet(input.manifest, files: input.files, settings: run.settings)
            return await connected.plan(planning.options())
        }
        let observed = try RecordedInventory.read(inventory, of: input.manifest.fleet)
        return Planner.plan(input.manifest, observed: observed, options: planning.options())
    }
}

/// What `infra observe` recorded.
enum RecordedInventory {
    static func read(_ path: String, of fleet: Fleet) throws -> [String: HostInventory] {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            Console.error("error[inventory]: \(path) cannot be read")
            throw ExitCode(Exit.failed)
        }
        let recorded: (fleet: Fleet, hosts: [HostInventory])
        do throws(InventoryError) {
            recorded = try InventoryDocument.read(SourceFile(path: path, bytes: Array(bytes)))
        } catch {
            try FleetInput.tell(error.diagnostics, .text)
            throw ExitCode(Exit.failed)
        }
        guard recorded.fleet.uuid == fleet.uuid else {
            Console.error("error[inventory]: \(path) is of fleet \(recorded.fleet.metadata.name), another one")
            throw ExitCode(Exit.failed)
        }
        return recorded.hosts.reduce(into: [:]) { $0[$1.host.metadata.identity] = $1 }
    }
}
