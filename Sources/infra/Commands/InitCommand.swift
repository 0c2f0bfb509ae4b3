import ArgumentParser
import Foundation
import Manifests
import Model

/// `infra init`: a first fleet.
struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Write a first fleet with an identity of its own.",
        discussion: """
            Files that are there are never overwritten. With --from the manifests of a folder are copied, under a \
            fresh fleet id. Exit codes: 0, 2 could not run.
            """)

    @Argument(help: "The folder to write to.", completion: .directory) var path = "."
    @Option(help: "The fleet's name; the folder's when left out.") var name: String?
    @Option(help: ArgumentHelp("Copy this folder of manifests.", valueName: "folder"), completion: .directory)
    var from: String?

    func run() throws {
        let folder = URL(filePath: path).standardizedFileURL
        let name = name ?? folder.lastPathComponent.lowercased()
        guard Name.isValid(name) else {
            Console.error("error[name]: \(TerminalText.safe(name)) is no name: \(Name.acceptedForm); say --name")
            throw ExitCode(Exit.couldNotRun)
        }
        let files = try from.map { try copies(of: $0) } ?? StarterFleet.text(name: name, fleet: UUID())
        for file in files where FileManager.default.fileExists(atPath: folder.appending(path: file.file).path) {
            Console.error("error[exists]: \(file.file) is there already; nothing was written")
            throw ExitCode(Exit.couldNotRun)
        }
        for file in files {
            let target = folder.appending(path: file.file)
            do {
                try FileManager.default.createDirectory(
                    at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(file.text.utf8).write(to: target, options: .withoutOverwriting)
            } catch {
                Console.error("error[write]: \(target.path): \(error.localizedDescription)")
                throw ExitCode(Exit.couldNotRun)
            }
            Console.output("Wrote \(target.path)\n")
        }
    }

    /// The manifests of a folder, word for word but for the fleet's id and the editor's line.
    private func copies(of source: String) throws -> [(file: String, text: String)] {
        let files = try FleetInput.readFolder(source, .text)
        let result = ManifestReader.read(files)
        guard let loaded = result.loaded else {
            try FleetInput.tell(result.diagnostics, .text)
            throw ExitCode(Exit.couldNotRun)
        }
        let old = loaded.manifest.fleet.metadata.identity
        let new = UUID().lowercased
        let copies = files.map { file in
            let text = withoutModeline(String(decoding: file.bytes, as: UTF8.self))
            return (file.path, text.replacingOccurrences(of: old, with: new, options: .caseInsensitive))
        }
        // However the id was written, a copy that still has it would be the same fleet.
        let copied = ManifestReader.read(copies.map { SourceFile(path: $0.0, bytes: Array($0.1.utf8)) })
        guard copied.loaded?.manifest.fleet.metadata.identity == new else {
            Console.error(
                "error[fleet-id]: \(TerminalText.safe(source)) writes its fleet's id in a way that is not understood")
            throw ExitCode(Exit.couldNotRun)
        }
        return copies
    }

    /// A text without a first line that tells editors where the schema is, since from elsewhere it is not there.
    private func withoutModeline(_ text: String) -> String {
        guard text.hasPrefix("# yaml-language-server:"), let end = text.firstIndex(of: "\n") else { return text }
        return String(text[text.index(after: end)...])
    }
}
