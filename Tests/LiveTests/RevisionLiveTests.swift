import Foundation
import Testing

extension LiveTests {
    /// What a change would do, told by git alone.
    @Suite struct RevisionLiveTests {
        @Test func plansBetweenCommitsNeedNoHost() async throws {
            try await withWatched("revisions") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7806)
                try fleet.writeMachine("a", address: 11)
                let first = try await watched.commit("One")
                try fleet.writeMachine("b", address: 12)
                try await watched.commit("Two")
                try fleet.edit("a.yaml", "size: 64MiB", "size: 96MiB")
                try await watched.commit("Bigger")
                func infra(_ words: String...) async throws -> Ended {
                    try await Program.run(Program.infra, words + [fleet.manifests])
                }
                let ahead = try await infra("plan", "--from", first)
                #expect(ahead.status == 0, "\(ahead)")
                #expect(ahead.lastLine == "Plan: 2 to add, 2 to change, 0 to destroy.", "\(ahead)")
                #expect(ahead.output.contains("~ spec.size: 64MiB -> 96MiB"))
                let nothing = try await infra("plan", "--from", "HEAD", "--to", "HEAD", "--detailed-exitcode")
                #expect(nothing.status == 0 && nothing.lastLine == "No changes.", "\(nothing)")

                let back = try await infra("rollback")
                #expect(back.status == 1 && back.output.contains("error[volume-shrink]"), "\(back)")
                #expect(back.output.contains("git revert --no-edit \(try await head(watched, "HEAD~1"))..HEAD"))
                try fleet.edit("a.yaml", "size: 96MiB", "size: 64MiB")
                try await watched.commit("As it was")
                try fleet.remove("b.yaml")
                try await watched.commit("Without b")
                // Its disk was kept when it went, which is no secret to git: it was there.
                let again = try await infra("rollback")
                #expect(again.status == 1 && again.output.contains("say `reuse: true`"), "\(again)")
                try fleet.writeQuiet("c", address: 13)
                try await watched.commit("With c")
                let short = try await head(watched, "HEAD~1")
                let without = try await infra("rollback")
                #expect(without.status == 0, "\(without)")
                #expect(without.output.contains("git revert --no-edit \(short)..HEAD"), "\(without)")

                // A commit of another way is none that a revert leads to.
                let main = try await watched.head()
                try await watched.git("checkout", "-q", "-b", "aside", "HEAD~1")
                try fleet.writeQuiet("d", address: 14)
                let aside = try await watched.commit("Aside")
                try await watched.git("checkout", "-q", "-B", "main", main)
                let other = try await infra("rollback", "--to", aside)
                #expect(other.status == 0 && !other.output.contains("git revert"), "\(other)")
                #expect(other.output.contains("is no ancestor of HEAD"), "\(other)")
                #expect(other.output.contains("git restore --source=\(aside)"), "\(other)")
                #expect(other.output.contains("+ VirtualMachine/d"), "\(other)")
                #expect(ahead.error.contains("note: told by git alone"), "\(ahead)")
                #expect(try await infra("plan", "--from", "nowhere").status == 2)
                #expect(try await infra("plan", "--from=--upload-pack=x").status == 2)
                #expect(try await Virsh.all() == [])
            }
        }

        private func head(_ watched: WatchedFleet, _ revision: String) async throws -> String {
            try await sh(#"git -C "$1" rev-parse --short=10 "$2""#, watched.fleet.manifests, revision)
        }
    }
}
