import ArgumentParser
import Model
import Reconciler

/// `infra get`: observed resources, as a table or whole.
struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "List what is on the hosts, by kind.",
        discussion: """
            An image is found by its name where its digest is known: by --files, by its manifest or by a disk made from it. \
            Exit codes: 0, 1 when the named resource is not there or a part could not be observed, 2 invalid or could not run.
            """)

    @Argument(help: ArgumentHelp("`VirtualMachine`, or `VirtualMachine/artist`.", valueName: "Kind[/id]"))
    var what: String

    @OptionGroup var fleet: FleetOptions
    @OptionGroup var reach: ReachOptions
    @OptionGroup var output: FormatOptions

    func validate() throws {
        guard kind != nil else {
            let kinds = ResourceKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("\(what) is no kind; there are \(kinds)")
        }
    }

    private var kind: ResourceKind? { ResourceID(what)?.kind ?? ResourceKind(rawValue: what) }

    func run() async throws {
        guard let kind else { throw ExitCode(Exit.couldNotRun) }
        let input = try FleetInput.load(fleet, format: output.format)
        let observed = await ConnectedFleet(
            input.manifest, files: input.files, settings: RunSettings(sshKeys: reach.keys)
        ).observe()
        let names = ImageNames(input.manifest, observed: observed)
        var rows = observed.sorted { $0.key < $1.key }.flatMap { ResourceRow.rows(kind, $0.value, images: names) }
        let id = ResourceID(what)?.id
        if let id { rows = rows.filter { $0.isNamed(id) } }
        switch output.format {
        case .text: Console.output(ResourceRow.table(rows))
        case .json: Console.output(try JSONOutput.document(rows))
        }
        if kind == .image, let id, rows.isEmpty, names.isDigestMissing(of: id) {
            Console.error(TerminalText.safe("note: the digest of Image/\(id) is not known (--files)"))
        }
        let unobserved = Unobserved(in: observed, of: input.manifest.hosts, areas: kind.areas)
        unobserved.tell()
        guard !unobserved.isIncomplete, id == nil || !rows.isEmpty else { throw ExitCode(Exit.failed) }
    }
}
