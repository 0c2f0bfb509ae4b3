import Foundation
import GitRepository
import Manifests
import Model
import Planning
import TestSupport

/// Reads, validates and plans the manifests of one commit, from the object database and from memory in turn.
///
///     BenchmarkCommit write MACHINES FOLDER               → one manifest a file, for a commit
///     BenchmarkCommit measure RUNS REPOSITORY PROGRAM     → medians: from git, from memory, reading alone (milliseconds)
@main
enum BenchmarkCommit {
    private struct Refused: Error, CustomStringConvertible {
        let description: String
    }

    static func main() async throws {
        let arguments = CommandLine.arguments
        if arguments.count == 4, arguments[1] == "write", let machines = Int(arguments[2]) {
            try write(machines, URL(filePath: arguments[3], directoryHint: .isDirectory))
        } else if arguments.count == 5, arguments[1] == "measure", let runs = Int(arguments[2]), runs > 0 {
            try await measure(runs, GitRepository(existing: arguments[3], program: arguments[4]))
        } else {
            throw Refused(description: "usage: BenchmarkCommit write MACHINES FOLDER | measure RUNS REPOSITORY PROGRAM")
        }
    }

    private static func write(_ machines: Int, _ folder: URL) throws {
        let documents = GeneratedFleet.manifestText(machines: machines).components(separatedBy: "\n---\n")
        for (number, document) in documents.enumerated() {
            // As somebody would sort them: a thousand to a folder.
            let part = folder.appending(path: "part-\(number / 1000)", directoryHint: .isDirectory)
            try FileManager.default.createDirectory(at: part, withIntermediateDirectories: true)
            try Data((document + "\n").utf8).write(to: part.appending(path: "\(number).yaml"))
        }
    }

    private static func measure(_ runs: Int, _ repository: GitRepository) async throws {
        let commit = try await repository.resolve("HEAD")
        let memory = try await repository.files(of: commit).map { SourceFile(path: $0.path, bytes: $0.bytes) }
        var (git, kept, reading): ([Duration], [Duration], [Duration]) = ([], [], [])
        let clock = ContinuousClock()
        for _ in 0..<runs {
            let start = clock.now
            let files = try await repository.files(of: commit).map { SourceFile(path: $0.path, bytes: $0.bytes) }
            reading.append(clock.now - start)
            let steps = try plan(files)
            git.append(clock.now - start)
            let again = clock.now
            guard try plan(memory) == steps else { throw Refused(description: "two plans of one commit") }
            kept.append(clock.now - again)
        }
        print([git, kept, reading].map { "\(milliseconds($0.sorted()[$0.count / 2]))" }.joined(separator: " "))
    }

    /// The number of steps from an empty host.
    private static func plan(_ files: [SourceFile]) throws -> Int {
        let result = ManifestReader.read(files)
        guard let manifest = result.loaded?.manifest else {
            throw Refused(description: result.diagnostics.prefix(5).map { "\($0)" }.joined(separator: "\n"))
        }
        let plan = Planner.plan(manifest, observed: Simulator.empty(manifest).observation(manifest))
        guard plan.problems.isEmpty, !plan.steps.isEmpty else { throw Refused(description: "the plan has problems") }
        return plan.steps.count
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
    }
}
