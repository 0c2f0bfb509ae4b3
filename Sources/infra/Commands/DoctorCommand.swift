import ArgumentParser
import Foundation
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
        // As with every path on a command line, one that is relative begins at the current folder.
        let named = storageRoot.map { URL(filePath: $0).absoluteURL.path(percentEncoded: false) }
        let roots = named.isEmpty ? KVMHost.Spec().storageRoots : named
        let findings = await Doctor(commands: CommandRunner(), storageRoots: roots).examine()
        switch output.format {
        case .text:
            for finding in findings {
                Console.output(
                    TerminalText.safe("\(finding.severity.rawValue): \(finding.check): \(finding.message)") + "\n")
                if let remedy = finding.remedy { Console.output("    " + TerminalText.safe(remedy) + "\n") }
            }
        case .json: Console.output(try JSONOutput.document(findings))
        }
        if findings.contains(where: { $0.severity == .problem }) { throw ExitCode(Exit.failed) }
    }
}
