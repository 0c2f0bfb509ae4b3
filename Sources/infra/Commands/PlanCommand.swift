import ArgumentParser
import Foundation
import GitRepository
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
    @OptionGroup var secrets: SecretOptions
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

    @Option(
        help: ArgumentHelp(
            "Plan from this commit of the folder's repository instead of from the hosts: what a change would do, told by "
                + "git alone.", valueName: "revision"))
    var from: String?

    @Option(help: ArgumentHelp("Plan to this commit; HEAD if only --from is given.", valueName: "revision"))
    var to: String?

    func validate() throws {
        if to != nil, from == nil { throw ValidationError("--to needs --from") }
        if from != nil, inventory != nil || out != nil {
            throw ValidationError("--from plans between commits, without --inventory and --out")
        }
    }

    @Flag(help: "Exit with 2 when something would change or is deferred.")
    var detailedExitcode = false

    func run() async throws {
        if let from {
            let revisions = try await RevisionPlan(
                fleet, from: from, to: to ?? "HEAD", options: planning.commitOptions())
            if output.format == .text {
                Console.error(
                    "note: told by git alone, as if commit \(revisions.from.id.short) were done: disks that were kept, and what "
                        + "drifted, are not known here")
            }
            return try conclude(revisions.plan)
        }
        let headStart = inventory == nil ? HeadStart(run.settings) : nil
        // The two files are read at the same time.
        async let recorded = inventory.map { RecordedInventory($0) }
        let input = try await FleetInput.load(
            fleet, secrets, format: output.format, invalid: Exit.failed, failure: Exit.failed)
        let observed = try await observed(input, recorded, headStart)
        let options = try planning.options(input)
        let plan = input.located(Planner.plan(input.manifest, observed: observed, options: options))
        if let out {
            try PlanFile(
                plan: plan, manifest: input.manifest, sources: await input.digest.committed(),
                basis: PlanBasis(plan, input.manifest, observed: observed), allowance: planning.allow,
                targets: options.targets.sorted(), unusedImages: planning.unusedImages,
                sparsified: options.sparsified.sorted(), now: options.now,
                deleteNow: !options.keepsDeleted, purgeDeleted: options.purgesDeleted
            ).write(to: out)
        }
        // What was read takes longer to let go of than the plan to print, and it goes with the process. A connection to
        // another host has to be ended.
        let isLocal = input.manifest.hosts.allSatisfy { $0.spec.connection == .local }
        try withExtendedLifetime((input, observed)) {
            try conclude(plan)
            if isLocal { Exit.leave(Exit.ok) }
        }
    }

    private func conclude(_ plan: Plan) throws {
        switch output.format {
        case .text: Console.output(PlanText(isColoured: Console.isAnimated).render(plan))
        case .json: Console.output(try JSONOutput.document(plan))
        }
        guard !plan.isFaulty else { throw ExitCode(Exit.failed) }
        let differs = !plan.isEmpty || !plan.deferred.isEmpty
        if detailedExitcode, differs { throw ExitCode(Exit.couldNotRun) }
    }

    private func observed(
        _ input: FleetInput, _ recorded: RecordedInventory?, _ headStart: HeadStart?
    ) async throws -> [String: HostInventory] {
        if let recorded { return try recorded.hosts(of: input.manifest.fleet) }
        return await ConnectedFleet(
            input.manifest, files: input.files, secrets: input.secrets, settings: run.settings, headStart: headStart
        ).observe()
    }
}

/// What `infra observe` recorded in a file.
struct RecordedInventory: Sendable {
    private let path: String
    private let contents: Result<(fleet: Fleet, hosts: [HostInventory]), InventoryError>?

    /// Reads the file. What is wrong with it is told by `hosts(of:)`.
    init(_ path: String) {
        self.path = path
        contents = FileManager.default.contents(atPath: path).map { bytes in
            Result { () throws(InventoryError) in
                try InventoryDocument.read(SourceFile(path: path, bytes: Array(bytes)))
            }
        }
    }

    /// What is on each host of the fleet, by the host's identity.
    func hosts(of fleet: Fleet) throws -> [String: HostInventory] {
        switch contents {
        case nil: Console.error("error[inventory]: \(path) cannot be read")
        case .failure(let error): try FleetInput.tell(error.diagnostics, .text)
        case .success(let recorded):
            if recorded.fleet.uuid == fleet.uuid {
                return recorded.hosts.reduce(into: [:]) { $0[$1.host.metadata.identity] = $1 }
            }
            Console.error("error[inventory]: \(path) is of fleet \(recorded.fleet.metadata.name), another one")
        }
        throw ExitCode(Exit.failed)
    }
}
