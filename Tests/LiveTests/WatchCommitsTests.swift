import Foundation
import TestSupport
import Testing

extension LiveTests {
    /// Commits as they may come: good, broken, unsigned, reverted, forced, emptied, older and signed. After each the
    /// fleet is as the last trusted and valid commit says, and nothing was removed beyond policy and budget.
    @Suite struct WatchCommitsTests {
        @Test func twelveCommitsOfASeed() async throws {
            try await CommitTrial.run(commits: 12, seed: .random(in: 0...UInt64.max), vni: 7810)
        }
    }
}

/// The same for long. `make campaign`.
@Suite(
    .enabled(if: ProcessInfo.processInfo.environment["INFRA_CAMPAIGN"] != nil, "run by make campaign"), .serialized)
struct CommitCampaign {
    @Test func twoHundredCommits() async throws {
        // `INFRA_SEED` repeats a run that failed.
        let seed = ProcessInfo.processInfo.environment["INFRA_SEED"].flatMap { UInt64($0) }
        try await CommitTrial.run(commits: 200, seed: seed ?? .random(in: 0...UInt64.max), vni: 7811)
    }
}

/// A run of commits, and what has to be there after each.
private struct CommitTrial {
    enum Kind: CaseIterable {
        case add, change, remove, revert, broken, unsigned, stranger, removeTwo, emptied, older, rewritten
    }

    let watched: WatchedFleet
    let watcher: RunningWatcher
    var random: SeededGenerator
    /// The commit in force.
    var good: String
    /// The machines that it declares.
    var machines: [String] = ["m0"]
    var count = 1
    /// What was done before the commit in force, to go back to.
    var history: [String] = []

    static func run(commits: Int, seed: UInt64, vni: Int) async throws {
        print("seed \(seed)")
        try await withWatched("commits-\(vni)") { watched in
            let fleet = watched.fleet
            try fleet.writeBase(vni: vni)
            try fleet.writePolicy("prune: true, deletionBudget: 1")
            try writeMachine("m0", 0, fleet)
            try watched.writeTrust()
            let first = try await watched.commit("The first", signedBy: "alice")
            try await watched.push()
            try await watched.watching("--trust", watched.trust, seconds: 300 + 30 * commits) { watcher in
                try await watcher.next("converged", of: first)
                var trial = CommitTrial(
                    watched: watched, watcher: watcher, random: SeededGenerator(seed: seed), good: first)
                for number in 0..<commits {
                    let kind = trial.random.pick(from: Kind.allCases) ?? .add
                    do {
                        try await trial.perform(kind)
                    } catch {
                        throw Failure("seed \(seed), commit \(number), \(kind): \(error)")
                    }
                    let there = try await Virsh.all()
                    #expect(there == Set(trial.machines), "seed \(seed), commit \(number), \(kind)")
                }
            }
        }
    }

    private static func writeMachine(_ name: String, _ index: Int, _ fleet: TestFleet) throws {
        try fleet.writeQuiet(name, address: 11 + index % 200)
        // What is removed and reverted takes up its disk again.
        try fleet.edit("\(name).yaml", "image: tiny}", "image: tiny, reuse: true}")
    }

    private mutating func perform(_ kind: Kind) async throws {
        let fleet = watched.fleet
        switch kind {
        case .add:
            let name = "m\(count)"
            try Self.writeMachine(name, count, fleet)
            count += 1
            try await isDone("Add \(name)", machines + [name])
        case .change:
            guard let name = machines.randomElement(using: &random) else { return }
            let text = try fleet.read("\(name).yaml")
            let (old, new) = text.contains("cpu: 1") ? ("cpu: 1", "cpu: 2") : ("cpu: 2", "cpu: 1")
            try fleet.edit("\(name).yaml", old, new)
            try await isDone("Change \(name)", machines)
        case .remove:
            guard machines.count > 1, let name = machines.randomElement(using: &random) else { return }
            try fleet.remove("\(name).yaml")
            try await isDone("Remove \(name)", machines.filter { $0 != name })
        case .revert:
            guard history.count > 1 else { return }
            #expect(try await watched.git("revert", "--no-commit", "HEAD").status == 0)
            let left = try FileManager.default.contentsOfDirectory(atPath: fleet.manifests)
                .filter { $0.hasPrefix("m") }.map { String($0.dropLast(5)) }
            guard !left.isEmpty else {
                try await watched.git("reset", "-q", "--hard", good)
                return
            }
            try await isDone("Revert", left)
        case .broken:
            try fleet.write("odd.yaml", "apiVersion: infra/v1\nkind: Volum\nmetadata: {name: x}\n")
            try await isNot("commitRefused", "Broken", by: "alice")
        case .unsigned:
            try Self.writeMachine("unsigned", 198, fleet)
            try await isNot("commitRefused", "Unsigned", by: nil)
        case .stranger:
            try Self.writeMachine("stranger", 199, fleet)
            try await isNot("commitRefused", "A stranger's", by: "mallory")
        case .removeTwo:
            guard machines.count > 2 else { return }
            for name in machines.prefix(2) { try fleet.remove("\(name).yaml") }
            try await isNot("commitRefused", "Two at once", by: "alice")
        case .emptied:
            for file in try FileManager.default.contentsOfDirectory(atPath: fleet.manifests)
            where file.hasSuffix(".yaml") { try fleet.remove(file) }
            try await isNot("commitRefused", "Nothing left", by: "alice")
        case .older:
            guard let old = history.last else { return }
            try await watched.git("reset", "-q", "--hard", old)
            try await push(force: true)
            try await watcher.next("commitHeld", of: old)
            try await back()
        case .rewritten:
            guard let old = history.last else { return }
            try await watched.git("reset", "-q", "--hard", old)
            try Self.writeMachine("rewritten", 197, fleet)
            try await isNot("commitHeld", "Another way", by: "alice")
        }
    }

    private mutating func isDone(_ message: String, _ machines: [String]) async throws {
        let commit = try await watched.commit(message, signedBy: "alice")
        try await push()
        try await watcher.next("converged", of: commit)
        history.append(good)
        good = commit
        self.machines = machines
    }

    private func isNot(_ outcome: String, _ message: String, by signer: String?) async throws {
        let commit = try await watched.commit(message, signedBy: signer)
        try await push(force: true)
        try await watcher.next(outcome, of: commit)
        try await back()
    }

    private func push(force: Bool = false) async throws {
        let pushed = try await watched.push(force: force)
        guard pushed.status == 0 else { throw Failure("the push failed: \(pushed)") }
    }

    /// The branch back to the commit in force.
    private func back() async throws {
        try await watched.git("reset", "-q", "--hard", good)
        try await push(force: true)
        try await watcher.next("commitArrived", of: good)
    }
}
