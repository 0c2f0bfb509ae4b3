import Foundation
import Model
import Planning
import Reconciler
import Subprocess
import SystemPackage

@testable import Watching

/// A folder that goes with its owner.
final class Scratch: Sendable {
    let url = FileManager.default.temporaryDirectory.appending(path: "infra-watching-\(UUID().uuidString)")

    init() throws {
        try FileManager.default.createDirectory(
            at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func path(_ name: String) -> String { url.appending(path: name).path }

    func write(_ name: String, _ text: String, mode: Int = 0o600) throws -> String {
        try Data(text.utf8).write(to: url.appending(path: name))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path(name))
        return path(name)
    }
}

/// Runs a program and gives what it wrote.
@discardableResult func shell(_ program: String, _ arguments: [String], input: String = "") async throws -> String {
    let result = try await run(
        .name(program), arguments: Arguments(arguments), input: .string(input), output: .string(limit: 1 << 20),
        error: .discarded)
    return result.standardOutput
}

extension CommitSummary {
    static func sample(_ number: Int, signer: String? = nil) -> CommitSummary {
        CommitSummary(
            id: String(format: "%040x", number), tree: String(format: "%040x", number + 1_000_000),
            author: "Ada <ada@example.org>", subject: "Change \(number)",
            time: Date(timeIntervalSince1970: 1_700_000_000),
            signer: signer)
    }
}

extension PlanOutline {
    static func sample(add: Int) throws -> PlanOutline {
        let json = #"{"summary":{"add":\#(add),"change":0,"destroy":0},"text":"plan","deferred":[]}"#
        return try JSONDecoder().decode(PlanOutline.self, from: Data(json.utf8))
    }
}

/// The events of a commit that adds a machine, up to the given end.
func events(of commit: CommitSummary, end: WatchEvent, cause: WatchEvent.Cause = .commit) throws -> [WatchEvent] {
    let machine = ResourceID(.virtualMachine, "web")
    let step = "office/VirtualMachine/web/define"
    return [
        .commitArrived(commit), .commitAccepted(commit),
        .planned(commit: commit.id, cause: cause, plan: try .sample(add: 1)),
        .applying(commit: commit.id, .started(steps: [step])),
        .applying(commit: commit.id, .stepStarted(step: step, resource: machine, verb: "define")),
        .applying(commit: commit.id, .stepDone(step: step, resource: machine, milliseconds: 1234)), end,
    ]
}
