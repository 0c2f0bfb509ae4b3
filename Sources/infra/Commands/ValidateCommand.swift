import ArgumentParser
import Manifests
import Model
import Reconciler

/// How `validate` tells what it finds.
enum FindingFormat: String, CaseIterable, ExpressibleByArgument {
    case text
    case json
    case github
    case sarif
    case junit
}

/// `infra validate`: every problem of every file in one run, without touching a host.
struct ValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Check manifests without touching a host.",
        discussion: """
            Several paths are several fleets. Paths in reports are relative to the working directory.
            Exit codes: 0 all valid, 1 one is invalid, 2 could not run.
            """)

    @Argument(
        help: "Folders of manifests, or single files. Each holds a whole fleet.", completion: .directory)
    var paths = ["."]

    @OptionGroup var images: ImageOptions

    @Option(
        help: ArgumentHelp(
            "The folder of secret files: look whether every file that a secretRef names is there and fit.",
            valueName: "dir"),
        completion: .directory)
    var secrets: String?

    @Option(
        help: ArgumentHelp(
            "How problems are told.",
            discussion: """
                github: workflow commands, shown beside the lines of a change by GitHub and Gitea. sarif: SARIF 2.1.0. \
                junit: JUnit XML, a test case for each file.
                """))
    var format = FindingFormat.text

    func run() throws {
        let images = images.files.map { ImageFiles($0) }
        let secrets = SecretSource(folder: secrets, identity: nil)
        let fleets = paths.map { ValidatedFleet($0, images: images, secrets: secrets) }
        switch format {
        case .text: FindingText.write(fleets)
        case .json: Console.output(try JSONOutput.document(FindingJSON(fleets)))
        case .github: Console.output(GitHubAnnotations.text(fleets))
        case .sarif: Console.output(try JSONOutput.document(SARIFLog(fleets)))
        case .junit: Console.output(JUnitReport.text(fleets))
        }
        if fleets.contains(where: { !$0.isReadable }) { throw ExitCode(Exit.couldNotRun) }
        if fleets.contains(where: { $0.manifest == nil }) { throw ExitCode(Exit.failed) }
    }
}
