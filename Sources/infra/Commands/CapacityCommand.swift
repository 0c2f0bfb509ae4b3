import ArgumentParser
import Manifests
import Model
import Planning
import Reconciler

/// `infra capacity`: what there is, what is promised, and whether a folder fits.
struct CapacityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "capacity",
        abstract: "Show what hosts and pools have, what is promised of it, and whether a fleet fits.",
        discussion: """
            `promised` is what is there now, `planned` what the manifests make of it, `free` what is left of `allowed` then. \
            Exit codes: 0 everything fits, 1 it does not or something could not be observed, 2 invalid or could not run.
            """)

    @OptionGroup var fleet: FleetOptions
    @OptionGroup var run: RunOptions
    @OptionGroup var output: FormatOptions

    @Option(
        help: ArgumentHelp(
            "Count what `infra observe` recorded there, without touching a host.", valueName: "file"),
        completion: .file())
    var inventory: String?

    @Option(
        help: ArgumentHelp("Also show what becomes of the machines of that host when it is lost.", valueName: "host"))
    var without: String?

    private struct Answer: Encodable {
        var capacity: CapacityReport
        var without: HostLoss?
    }

    func run() async throws {
        let input = try FleetInput.load(fleet, format: output.format)
        let lost = try without.map { try host($0, in: input.manifest) }
        let observed: [String: HostInventory]
        if let inventory {
            observed = try RecordedInventory(inventory).hosts(of: input.manifest.fleet)
        } else {
            observed = await ConnectedFleet(input.manifest, files: input.files, settings: run.settings).observe()
        }
        let report = input.located(
            CapacityReport(input.manifest, observed: observed, now: inventory == nil ? .now : nil))
        let loss = lost.map { HostLoss(of: $0, input.manifest, observed: observed) }
        switch output.format {
        case .text: Console.output(CapacityReportText.render(report, lost: loss))
        case .json: Console.output(try JSONOutput.document(Answer(capacity: report, without: loss)))
        }
        let unobserved = Unobserved(in: observed, of: input.manifest.hosts, areas: [.compute, .storage])
        unobserved.tell()
        guard !unobserved.isIncomplete, report.fits, loss?.isSurvived ?? true else { throw ExitCode(Exit.failed) }
    }

    /// The host's identity; it may be named by either.
    private func host(_ name: String, in manifest: FleetManifest) throws -> String {
        let found =
            manifest.hosts.first { $0.metadata.identity == name } ?? manifest.hosts.first { $0.metadata.name == name }
        guard let found else {
            Console.error("error[unknown-host]: there is no host \(TerminalText.safe(name)) in the manifests")
            throw ExitCode(Exit.couldNotRun)
        }
        return found.metadata.identity
    }
}

extension FleetInput {
    /// The report with the places in the manifests that its problems are about.
    fileprivate func located(_ report: CapacityReport) -> CapacityReport {
        var report = report
        report.problems = report.problems.map { $0.placed(in: sources) }
        return report
    }
}
