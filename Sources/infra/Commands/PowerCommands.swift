import ArgumentParser
import Manifests
import Model
import Planning
import Reconciler

/// `infra start`: starts machines that their manifests let run.
struct StartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Start machines that are off, or paused.",
        discussion: """
            For machines with `power: manual`; one with `power: running` is started as an apply would. Refused where the \
            manifest says `power: stopped`.
            Exit codes: as of apply.
            """)

    @OptionGroup var power: PowerOptions

    func run() async throws { try await power.run(.start, allowing: .live) }
}

/// `infra stop`: stops machines that their manifests let be off.
struct StopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stop machines: asked first, ended after --grace.",
        discussion: """
            For machines with `power: manual`; one with `power: stopped` is stopped as an apply would. Refused where the \
            manifest says `power: running`, since the next apply would start it again, and with `protect: true`.
            Exit codes: as of apply.
            """)

    @OptionGroup var power: PowerOptions

    func run() async throws { try await power.run(.stop, allowing: .stop) }
}

/// `infra restart`: stops and starts machines from their definitions.
struct RestartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Stop and start machines, so that they take up what was changed.",
        discussion: """
            Does the restart that a plan shows as deferred, with what it waits for, and nothing else of the plan; a machine \
            that runs with all that is declared is restarted as well, and one that is off is started. Refused where the \
            manifest says `power: stopped`.
            Exit codes: as of apply.
            """)

    @OptionGroup var power: PowerOptions

    func run() async throws { try await power.run(.restart, allowing: .restart) }
}

/// Which machines of which fleet, and how the run is to be.
struct PowerOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "The machines, as VirtualMachine/id, and after them the folder of manifests, or one file; the current folder if "
                + "left out.", valueName: "VirtualMachine/id or path"))
    var words: [String]

    @OptionGroup var images: ImageOptions

    @OptionGroup var secrets: SecretOptions
    @OptionGroup var settings: RunOptions
    @OptionGroup var apply: ApplyOptions
    @OptionGroup var output: FormatOptions

    private static let prefix = "\(ResourceKind.virtualMachine.rawValue)/"

    private var machines: [ResourceID] {
        words.filter { $0.hasPrefix(Self.prefix) }.compactMap { ResourceID($0) }
    }

    private var paths: [String] { words.filter { !$0.hasPrefix(Self.prefix) } }

    func validate() throws {
        guard !machines.isEmpty else { throw ValidationError("name a machine, as \(Self.prefix)artist") }
        guard paths.count <= 1, paths.isEmpty || words.last == paths.first else {
            throw ValidationError("machines are named as \(Self.prefix)artist, and at most one path after them")
        }
    }

    /// Runs to the end, as an apply of these steps alone.
    func run(_ verb: PowerRequest.Verb, allowing allowance: Disruption) async throws {
        var fleet = FleetOptions()
        fleet.named = paths.first
        fleet.images = images
        let input = try await FleetInput.load(fleet, secrets, format: output.format)
        let targets = try input.identities(of: machines)
        let request = PowerRequest(verb, of: Set(targets.map(\.id)))
        let problems = request.applied(to: input.manifest).problems
        guard problems.isEmpty else {
            try FleetInput.tell(problems.map { $0.placed(in: input.sources) }, output.format)
            throw ExitCode(Exit.refused)
        }
        let session = ApplySession(
            manifest: input.manifest, input: input, files: input.files, secrets: input.secrets,
            settings: settings.settings,
            options: PlanOptions(allowance: allowance, targets: targets, request: request), apply: apply,
            format: output.format)
        try await session.run()
    }
}
