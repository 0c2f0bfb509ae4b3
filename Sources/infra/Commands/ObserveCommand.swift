import ArgumentParser
import Foundation
import Manifests
import Model
import Reconciler

/// `infra observe`: what is there, as documents that `infra plan --inventory` reads.
struct ObserveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "observe", abstract: "Write down what is on the hosts.",
        discussion: """
            Documents of the same grammar as the manifests, with `status` added; `infra plan --inventory` plans \
            against them without touching a host. Exit codes: 0, 1 when a part could not be observed, 2 could not run.
            """)

    @OptionGroup var fleet: FleetOptions
    @OptionGroup var run: RunOptions
    @OptionGroup var output: FormatOptions

    @Option(help: ArgumentHelp("Write there instead of standard output.", valueName: "file"))
    var out: String?

    func run() async throws {
        let input = try FleetInput.load(fleet)
        let connected = await ConnectedFleet(input.manifest, files: input.files, settings: run.settings)
        let observed = await connected.observe()
        let hosts = observed.sorted { $0.key < $1.key }.map(\.value)
        let text: String
        switch output.format {
        case .text: text = InventoryDocument.write(hosts, fleet: input.manifest.fleet)
        case .json: text = try JSONOutput.document(hosts)
        }
        if let out {
            do {
                try Data(text.utf8).write(to: URL(filePath: out), options: .atomic)
                // The digests of seeds let weak words be guessed.
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: out)
            } catch {
                Console.error("error[inventory]: \(out) cannot be written: \(error.localizedDescription)")
                throw ExitCode(Exit.couldNotRun)
            }
        } else {
            Console.output(text)
        }
        Unobserved(in: observed).tell()
        if !hosts.allSatisfy(\.unknown.isEmpty) { throw ExitCode(Exit.failed) }
    }
}
