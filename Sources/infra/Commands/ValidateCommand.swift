import ArgumentParser
import Manifests
import Model

/// `infra validate`: every problem of every file in one run, without touching a host.
struct ValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Check manifests without touching a host.",
        discussion: "Exit codes: 0 valid, 1 invalid, 2 could not run.")

    @OptionGroup var fleet: FleetOptions
    @OptionGroup var output: FormatOptions

    func run() throws {
        let input = try FleetInput.load(fleet, format: output.format, invalid: Exit.failed)
        let manifest = input.manifest
        let count =
            1 + manifest.hosts.count + manifest.pools.count + manifest.images.count + manifest.networks.count
            + manifest.volumes.count + manifest.machines.count
        switch output.format {
        case .text:
            Console.output("Valid: fleet \(manifest.fleet.metadata.name), \(count) resource\(count == 1 ? "" : "s").\n")
        case .json: Console.output(try JSONOutput.document(["diagnostics": [Diagnostic]()]))
        }
    }
}
