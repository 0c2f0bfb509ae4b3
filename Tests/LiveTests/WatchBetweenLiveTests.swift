import Foundation
import Testing

extension LiveTests {
    /// Several commits come with one push: the watcher sees only the last one on the branch.
    @Suite struct WatchBetweenLiveTests {
        @Test func theLastGoodOneBetweenTwoLooksIsDone() async throws {
            try await withWatched("between") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7832)
                try fleet.writePolicy("prune: true, deletionBudget: 1")
                try fleet.writeQuiet("a", address: 11)
                try watched.writeTrust()
                let first = try await watched.commit("One", signedBy: "alice")
                try await watched.push()
                try await watched.watching("--trust", watched.trust) { watcher in
                    try await watcher.next("converged", of: first)

                    // The last can be no fleet; before it comes one that nobody signed.
                    try fleet.writeQuiet("b", address: 12)
                    let good = try await watched.commit("Good", signedBy: "alice")
                    try fleet.writeQuiet("c", address: 13)
                    try await watched.commit("Unsigned")
                    try fleet.write("odd.yaml", "apiVersion: infra/v1\nkind: Volum\nmetadata: {name: x}\n")
                    let broken = try await watched.commit("Broken", signedBy: "alice")
                    try await watched.push()
                    try await watcher.next("commitRefused", of: broken)
                    try await watcher.next("converged", of: good)
                    #expect(try await Virsh.all() == ["a", "b"])

                    // The last is refused for what it would do.
                    try fleet.remove("odd.yaml")
                    try fleet.writeQuiet("d", address: 14)
                    let more = try await watched.commit("More", signedBy: "alice")
                    try fleet.remove("a.yaml")
                    try fleet.remove("b.yaml")
                    let less = try await watched.commit("Two less", signedBy: "alice")
                    try await watched.push()
                    try await watcher.next("commitRefused", of: less)
                    try await watcher.next("converged", of: more)
                    #expect(try await Virsh.all() == ["a", "b", "c", "d"])

                    // A branch that was rewritten is held as a whole, whatever lies between.
                    try await watched.git("reset", "-q", "--hard", first)
                    try fleet.writeQuiet("e", address: 15)
                    try await watched.commit("Another way", signedBy: "alice")
                    try fleet.write("odd.yaml", "kind: Volum\n")
                    let other = try await watched.commit("Broken again", signedBy: "alice")
                    try await watched.push(force: true)
                    try await watcher.next("commitRefused", of: other)
                    try await watched.git("reset", "-q", "--hard", more)
                    try await watched.push(force: true)
                    try await watcher.next("commitArrived", of: more)
                    #expect(try await Virsh.all() == ["a", "b", "c", "d"])
                    let accepted = await watcher.events.filter { $0.name == "commitAccepted" }
                    #expect(accepted.compactMap(\.commit) == [first, good, more])
                }
            }
        }
    }
}
