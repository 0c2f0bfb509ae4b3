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
        case add, change, resize, remove, revert, broken, unsigned, stranger, removeTwo, emptied, older, rewritten
    }

    let watched: WatchedFleet
    let watcher: RunningWatcher
    var random: SeededGenerator
    /// The commit in force.
    var good: String
    /// The machines that it declares.
    var machines: [String] = ["m0"]
    var count = 1
    /// The kinds that did not come since all of them had.
    var left = Kind.allCases
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
                var before: (memory: Int, descriptors: Int)?
                for number in 0..<commits {
                    // By then everything was done once.
                    if number == 50 { before = try await watcher.size() }
                    let kind = try await trial.next("seed \(seed), commit \(number)")
                    let there = try await Self.machinesThatAreThere()
                    let declared = try trial.machinesOfTheManifests()
                    #expect(there == declared, "seed \(seed), commit \(number), \(kind)")
                    #expect(Set(there.keys) == Set(trial.machines), "seed \(seed), commit \(number), \(kind)")
                }
                guard let before else { return }
                let after = try await watcher.size()
                print("the watcher's memory in KiB and descriptors: \(before), then \(after)")
                #expect(after.memory - before.memory < 32 << 10 && after.descriptors <= before.descriptors + 2)
            }
        }
    }

    private static func writeMachine(_ name: String, _ index: Int, _ fleet: TestFleet) throws {
        try fleet.writeQuiet(name, address: 11 + index % 200)
        // What is removed and reverted takes up its disk again.
        try fleet.edit("\(name).yaml", "image: tiny}", "image: tiny, reuse: true}")
    }

    /// One more commit of a kind that can come now. Each kind comes before another one comes again.
    private mutating func next(_ place: String) async throws -> Kind {
        while true {
            for kind in left.shuffled(using: &random) {
                do {
                    guard try await perform(kind) else { continue }
                } catch {
                    throw Failure("\(place), \(kind): \(error)")
                }
                left.removeAll { $0 == kind }
                return kind
            }
            left = Kind.allCases
        }
    }

    /// Processors, memory in KiB and the disks that are there of each machine that libvirt has.
    private static func machinesThatAreThere() async throws -> [String: [String]] {
        let text = try await sh(
            #"""
            for domain in $(virsh list --all --name); do
                virsh dumpxml --inactive "$domain" | sed -n "s/.*<vcpu[^>]*>\([0-9]*\)<.*/$domain cpu \1/p
                    s/.*<memory unit='KiB'>\([0-9]*\)<.*/$domain memory \1/p"
                virsh domblklist --inactive --details "$domain" | awk '$2 == "disk" { print $4 }' |
                    while read -r file; do if [[ -f $file ]]; then echo "$domain disk there"; fi; done
            done
            """#)
        return text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }.reduce(into: [:]) {
            $0[$1[0], default: []] += ["\($1[1]) \($1[2])"]
        }.mapValues { $0.sorted() }
    }

    /// The same as the commit in force says, which the work tree is at.
    private func machinesOfTheManifests() throws -> [String: [String]] {
        let fleet = watched.fleet
        return try FileManager.default.contentsOfDirectory(atPath: fleet.manifests)
            .filter { $0.hasPrefix("m") && $0.hasSuffix(".yaml") }
            .reduce(into: [:]) { machines, file in
                let text = try fleet.read(file)
                guard let cpu = text.firstMatch(of: /cpu: ([0-9]+)/)?.output.1,
                    let memory = text.firstMatch(of: /memory: ([0-9]+)MiB/).flatMap({ Int($0.output.1) })
                else { throw Failure("\(file) says no size") }
                machines[String(file.dropLast(5))] = ["cpu \(cpu)", "disk there", "memory \(memory * 1024)"]
            }
    }

    /// - Returns: False when there is nothing that such a commit could be about.
    private mutating func perform(_ kind: Kind) async throws -> Bool {
        let fleet = watched.fleet
        switch kind {
        case .add:
            let name = "m\(count)"
            try Self.writeMachine(name, count, fleet)
            count += 1
            try await isDone("Add \(name)", machines + [name])
        case .change: return try await flip("cpu: 1\n", "cpu: 2\n", "Change")
        case .resize: return try await flip("memory: 128MiB", "memory: 160MiB", "Resize")
        case .remove:
            guard machines.count > 1, let name = machines.randomElement(using: &random) else { return false }
            try fleet.remove("\(name).yaml")
            try await isDone("Remove \(name)", machines.filter { $0 != name })
        case .revert:
            guard history.count > 1 else { return false }
            #expect(try await watched.git("revert", "--no-commit", "HEAD").status == 0)
            let declared = try FileManager.default.contentsOfDirectory(atPath: fleet.manifests)
                .filter { $0.hasPrefix("m") }.map { String($0.dropLast(5)) }.sorted()
            guard !declared.isEmpty else {
                try await watched.git("reset", "-q", "--hard", good)
                return false
            }
            try await isDone("Revert", declared)
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
            guard machines.count > 2 else { return false }
            for name in machines.prefix(2) { try fleet.remove("\(name).yaml") }
            try await isNot("commitRefused", "Two at once", by: "alice")
        case .emptied:
            for file in try FileManager.default.contentsOfDirectory(atPath: fleet.manifests)
            where file.hasSuffix(".yaml") { try fleet.remove(file) }
            try await isNot("commitRefused", "Nothing left", by: "alice")
        case .older:
            guard let old = history.last else { return false }
            try await watched.git("reset", "-q", "--hard", old)
            try await push(force: true)
            try await watcher.next("commitHeld", of: old)
            try await back()
        case .rewritten:
            guard let old = history.last else { return false }
            try await watched.git("reset", "-q", "--hard", old)
            try Self.writeMachine("rewritten", 197, fleet)
            try await isNot("commitHeld", "Another way", by: "alice")
        }
        return true
    }

    /// Changes one machine from the one to the other, or back.
    private mutating func flip(_ one: String, _ other: String, _ what: String) async throws -> Bool {
        guard let name = machines.randomElement(using: &random) else { return false }
        let isOne = try watched.fleet.read("\(name).yaml").contains(one)
        try watched.fleet.edit("\(name).yaml", isOne ? one : other, isOne ? other : one)
        try await isDone("\(what) \(name)", machines)
        return true
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
