import ArgumentParser
import Foundation
import Manifests
import Model
import Planning
import Reconciler

/// `infra import`: manifests for what is there and not ours.
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Write manifests for what is on a host and not ours.",
        discussion: """
            Reads only. The plan of what it writes adopts domains, pools, disks, bridges and VXLAN links as they are, \
            without a restart; after its apply they are managed like all others. What cannot be adopted is named with \
            the reason. Exit codes: 0, 1 when a part could not be observed, 2 could not run.
            """)

    @Option(
        help: ArgumentHelp(
            "The host: `local` for the one that infra runs on, or the name of a Host of --fleet.", valueName: "host"))
    var host = "local"

    @Option(
        help: ArgumentHelp("Write into this folder; - for standard output.", valueName: "folder"),
        completion: .directory)
    var out = "-"

    @Option(
        help: ArgumentHelp(
            "Add to this fleet, a folder of manifests; a new one is begun without.", valueName: "folder"),
        completion: .directory)
    var fleet: String?

    @Option(help: ArgumentHelp("The name of the new fleet; imported when left out.", valueName: "name"))
    var fleetName: String?

    @OptionGroup var run: RunOptions

    func validate() throws {
        if fleet == nil, host != "local" {
            throw ValidationError("--host \(host) needs --fleet, whose Host says how it is reached")
        }
        if fleet != nil, fleetName != nil {
            throw ValidationError("--fleet has a name already; leave out --fleet-name")
        }
    }

    func run() async throws {
        let sources = try fleet.map { try FleetInput.readFolder($0, .text) } ?? []
        let start = try fleet == nil ? newFleet() : existingFleet(sources)
        let connected = await ConnectedFleet(try only(start), files: nil, settings: run.settings)
        guard let observed = await connected.observeForImport().first else { throw ExitCode(Exit.couldNotRun) }
        if let reason = observed.unknown.first(where: { $0.area == .host && $0.resource == nil })?.reason {
            throw told("unreachable", "host \(observed.host.metadata.name) could not be observed: \(reason)")
        }
        let importer = Importer(observed, into: start, isNew: fleet == nil)
        let files = importer.files(prefix: fleet == nil ? "" : "imported-")
        let read = ManifestReader.read(
            sources + files.map { SourceFile(path: $0.file, bytes: Array($0.text.utf8)) })
        guard let loaded = read.loaded else {
            // What is written is to be valid whatever was there.
            try FleetInput.tell(read.diagnostics, .text)
            throw ExitCode(Exit.couldNotRun)
        }
        try write(files)
        for refusal in importer.refusals {
            Console.error("not imported: \(TerminalText.safe("\(refusal.what): \(refusal.reason)"))")
        }
        Unobserved(in: [observed.host.metadata.identity: observed]).tell()
        tell(Planner.plan(loaded.manifest, observed: [observed.host.metadata.identity: observed]), importer.count)
        if !observed.unknown.isEmpty { throw ExitCode(Exit.failed) }
    }

    /// A fleet that has only this host, under its own name.
    private func newFleet() throws -> FleetManifest {
        let name = fleetName ?? "imported"
        guard Name.isValid(name) else {
            Console.error("error[name]: \(TerminalText.safe(name)) is no name: \(Name.acceptedForm)")
            throw ExitCode(Exit.couldNotRun)
        }
        let uuid = UUID()
        var slugs = Slugs()
        let host = slugs.name(for: ProcessInfo.processInfo.hostName, or: "host")
        return FleetManifest(
            fleet: Fleet(metadata: Metadata(name: name, id: uuid.lowercased), uuid: uuid),
            hosts: [KVMHost(metadata: Metadata(name: host))])
    }

    private func existingFleet(_ sources: [SourceFile]) throws -> FleetManifest {
        let read = ManifestReader.read(sources)
        guard let loaded = read.loaded, !loaded.manifest.hosts.isEmpty else {
            try FleetInput.tell(read.diagnostics, .text)
            Console.error("error[fleet]: \(TerminalText.safe(fleet ?? "")) is no valid fleet with a Host")
            throw ExitCode(Exit.couldNotRun)
        }
        return loaded.manifest
    }

    /// The fleet with the one host that is imported from.
    private func only(_ fleet: FleetManifest) throws -> FleetManifest {
        var one = fleet
        one.hosts = fleet.hosts.filter {
            host == "local" ? $0.spec.connection == .local : $0.metadata.name == host || $0.metadata.identity == host
        }
        guard !one.hosts.isEmpty else {
            Console.error("error[host]: the fleet has no Host \(TerminalText.safe(host))")
            throw ExitCode(Exit.couldNotRun)
        }
        return one
    }

    private func write(_ files: [(file: String, text: String)]) throws {
        guard out != "-" else {
            Console.output(files.map(\.text).joined(separator: "---\n"))
            return
        }
        let folder = URL(filePath: out)
        for file in files where FileManager.default.fileExists(atPath: folder.appending(path: file.file).path) {
            Console.error("error[exists]: \(file.file) is there already; nothing was written")
            throw ExitCode(Exit.couldNotRun)
        }
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            for file in files {
                let target = folder.appending(path: file.file)
                try Data(file.text.utf8).write(to: target, options: .withoutOverwriting)
                Console.output("Wrote \(target.path)\n")
            }
        } catch {
            Console.error("error[write]: \(TerminalText.safe(out)): \(error.localizedDescription)")
            throw ExitCode(Exit.couldNotRun)
        }
    }

    /// Says what a plan of the manifests would do beside adopting.
    private func tell(_ plan: Plan, _ count: Int) {
        if count == 0 { Console.error("There is nothing here that can be imported.") }
        for step in plan.steps + plan.deferred where step.action != .adopt {
            let fields = step.changes.map(\.field).joined(separator: ", ")
            Console.error("would also change: \(step.id)\(fields.isEmpty ? "" : ": \(TerminalText.safe(fields))")")
        }
        for problem in plan.problems { Console.error("\(problem)") }
    }
}
