import Foundation
import Testing

extension LiveTests {
    /// What a watcher writes into the repository, as git shows it.
    @Suite struct WatchNotesLiveTests {
        private func note(_ watched: WatchedFleet, _ commit: String) async throws -> [String] {
            try await sh(
                #"git -C "$1" log -1 --notes=infra --format=%N "$2""#, watched.repository, commit
            ).split(separator: "\n").map(String.init)
        }

        @Test func outcomesAreNotes() async throws {
            try await withWatched("noted") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7831)
                try fleet.writeQuiet("a", address: 11)
                let first = try await watched.commit("One")
                try await watched.push()
                try await watched.watching { watcher in
                    try await watcher.next("converged", of: first)
                    try fleet.edit("a.yaml", "memory: 128MiB", "memory: 900GiB")
                    let second = try await watched.commit("Too much")
                    try await watched.push()
                    try await watcher.next("commitRefused", of: second)
                }
                let done = try await note(watched, first)
                #expect(done.count == 5, "\(done)")
                #expect(Array(done.prefix(3)) == ["source: main", "state: converged", "fleet: noted"])
                #expect(done.last == "plan: 5 to add, 1 to change, 0 to destroy", "\(done)")
                let head = try await watched.head()
                let refused = try await note(watched, head)
                #expect(refused.contains("state: refused"), "\(refused)")
                #expect(refused.contains { $0.hasPrefix("reason: ") && $0.contains("capacity") }, "\(refused)")

                // A watcher that begins finds the same, and writes nothing.
                let notes = try await sh(#"git -C "$1" rev-parse refs/notes/infra"#, watched.repository)
                try await watched.git("reset", "-q", "--hard", first)
                try await watched.push(force: true)
                try await watched.watching { watcher in try await watcher.next("converged", of: first) }
                #expect(try await sh(#"git -C "$1" rev-parse refs/notes/infra"#, watched.repository) == notes)
                try fleet.writeQuiet("b", address: 12)
                let third = try await watched.commit("Two")
                try await watched.push()
                try await watched.watching("--no-notes") { watcher in try await watcher.next("converged", of: third) }
                #expect(try await sh(#"git -C "$1" rev-parse refs/notes/infra"#, watched.repository) == notes)
            }
        }
    }
}
