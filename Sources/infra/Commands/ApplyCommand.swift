import ArgumentParser
import Model
import Planning
import Reconciler

/// `infra apply`: makes the hosts match.
struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Make the hosts match the manifests.",
        discussion: """
            Shows the plan, asks, does what is allowed, observes again. Ctrl-C finishes the running steps; once more \
            leaves at once and says what still runs.
            Exit codes: 0 converged, 1 failed or blocked, 2 invalid or could not run, 3 converged but something is \
            deferred, 4 locked or refused.
            """)

    @OptionGroup var fleet: FleetOptions
    @OptionGroup var secrets: SecretOptions
    @OptionGroup var planning: PlanningOptions
    @OptionGroup var run: RunOptions
    @OptionGroup var apply: ApplyOptions
    @OptionGroup var output: FormatOptions

    @Option(
        help: ArgumentHelp(
            "Do this plan, written by `infra plan --out`, if all that it was made from is as it was.",
            discussion: """
                Manifests, --allow and --target are those of the plan. Refused when the manifests in the folder, or what \
                its steps read on the hosts, changed since.
                """, valueName: "file"),
        completion: .file())
    var plan: String?

    func validate() throws {
        guard plan == nil || planning.areDefaults else {
            throw ValidationError("a plan file says itself what is allowed and its targets; leave them out")
        }
    }

    func run() async throws {
        let session: ApplySession
        if let plan {
            let file = try PlanFile.read(plan)
            try await file.sources.check(fleet.named)
            let files = fleet.files.map { ImageFiles($0) }
            session = ApplySession(
                manifest: file.manifest, input: nil, files: files, secrets: secrets.source, settings: run.settings,
                options: file.options, apply: apply, format: output.format)
            try await session.run(approved: file.plan, basis: file.basis)
        } else {
            let input = try await FleetInput.load(fleet, secrets, format: output.format)
            session = ApplySession(
                manifest: input.manifest, input: input, files: input.files, secrets: input.secrets,
                settings: run.settings, options: try planning.options(input), apply: apply, format: output.format)
            try await session.run()
        }
    }
}

/// `infra destroy`: removes what the fleet has on its hosts; disks are kept.
struct DestroyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "destroy", abstract: "Remove what the fleet has on its hosts; disks are kept.",
        discussion: """
            A machine goes only with --allow stop. A disk goes only when its own mark says `deletion: delete` and the \
            run has --allow data-loss; else it is kept, and listed.
            Exit codes: as of apply.
            """)

    @OptionGroup var fleet: FleetOptions
    @OptionGroup var run: RunOptions
    @OptionGroup var apply: ApplyOptions
    @OptionGroup var output: FormatOptions

    @Option(
        help: ArgumentHelp(
            "The most disturbing class that is allowed: none, live, restart, stop or data-loss.", valueName: "class"))
    var allow = Disruption.live

    @OptionGroup var deletion: DeletionOptions

    func run() async throws {
        let input = try FleetInput.load(fleet, format: output.format)
        let session = ApplySession(
            manifest: input.manifest, input: input, files: input.files, secrets: nil, settings: run.settings,
            options: PlanOptions(
                allowance: allow, destroys: true, now: .now, keepsDeleted: !deletion.deleteNow,
                purgesDeleted: deletion.purgeDeleted), apply: apply, format: output.format)
        try await session.run()
    }
}
