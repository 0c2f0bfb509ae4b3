import ArgumentParser
import Hosts
import Model

/// `infra doctor`: what is missing on this machine, and the command that mends it.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check that this machine can run guests, and say what mends it.",
        discussion: "Exit codes: 0 nothing is missing, 1 something is.")

    @Option(help: ArgumentHelp("A folder below which pools are to lie. May be repeated.", valueName: "dir"))
    var storageRoot: [String] = []
    @OptionGroup var output: FormatOptions

    func run() async throws {
        let findings = await Doctor.examine(storageRoots: storageRoot.isEmpty ? ["/var/lib/infra"] : storageRoot)
        switch output.format {
        case .text:
            for finding in findings {
                Console.output(TerminalText.safe("\(finding.severity.word): \(finding.what)") + "\n")
                if let mend = finding.mend { Console.output("    " + TerminalText.safe(mend) + "\n") }
            }
        case .json: Console.output(try JSONOutput.document(findings))
        }
        if findings.contains(where: { $0.severity == .problem }) { throw ExitCode(Exit.failed) }
    }
}
