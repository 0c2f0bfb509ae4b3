import ArgumentParser
import Model
import Reconciler

/// `infra get`: observed resources, as a table or whole.
struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "List what is on the hosts, by kind.",
        discussion: "Exit codes: 0, 1 when the named resource is not there, 2 invalid or could not run.")

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
        var rows: [ResourceRow] = []
        for (_, inventory) in observed.sorted(by: { $0.key < $1.key }) { rows += ResourceRow.rows(kind, inventory) }
        if let id = ResourceID(what)?.id { rows = rows.filter { $0.id == id } }
        switch output.format {
        case .text: Console.output(ResourceRow.table(rows))
        case .json: Console.output(try JSONOutput.document(rows))
        }
        if rows.isEmpty, ResourceID(what) != nil { throw ExitCode(Exit.failed) }
    }
}
