import Foundation
import GitRepository
import Manifests
import Model
import Reconciler
import Testing

@testable import Watching

@Suite struct MandateTests {
    private static func revision(_ policy: Fleet.Policy) throws -> Revision {
        let text = """
            apiVersion: infra/v1
            kind: Fleet
            metadata: {name: office, id: 6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f11}
            ---
            apiVersion: infra/v1
            kind: Host
            metadata: {name: server-1}
            spec: {connect: {local: {}}}
            """
        let read = ManifestReader.read([SourceFile(path: "fleet.yaml", text: text)])
        let loaded = try #require(read.loaded, "\(read.diagnostics)")
        var manifest = loaded.manifest
        manifest.fleet.policy = policy
        return Revision(
            commit: .sample(2), manifest: manifest, sources: loaded.sources, files: nil, secrets: nil)
    }

    private static let reader = CommitReader(
        repository: GitRepository(existing: "/nowhere", program: "/bin/false", environment: [:]), path: "",
        trust: .everybody, images: nil)

    /// A run that was cut off, or a host that did not answer, leaves hosts with different marks. A commit has only what all of
    /// them allow, whichever is named first.
    @Test func whatEveryHostAllowsCounts() async throws {
        let generous = Fleet.Policy(unattended: .restart, prune: true, deletionBudget: 9)
        let narrow = Fleet.Policy(unattended: .none, prune: true, deletionBudget: 2)
        let other = Fleet.Policy(unattended: .live, prune: false, deletionBudget: 9)
        let revision = try Self.revision(generous)
        let id = revision.commit.id
        let marks = [generous, narrow, other].map { CommitMark(commit: id, tree: "", ceiling: $0) }
        for marks in [marks, marks.reversed(), [marks[1], marks[0], marks[2]]] {
            let mandate = try await Self.reader.mandate(for: revision, marks: marks, current: nil)
            #expect(mandate.policy == Fleet.Policy(unattended: .none, prune: false, deletionBudget: 2))
        }
        // A mark of another commit that cannot be read any more allows what was allowed before it.
        let earlier = CommitMark(commit: "no commit", tree: "", ceiling: other)
        let mandate = try await Self.reader.mandate(for: revision, marks: [marks[0], earlier], current: nil)
        #expect(mandate.policy.unattended == .live && !mandate.policy.prune)
        // With none there is nothing before it.
        #expect(try await Self.reader.mandate(for: revision, marks: [], current: nil).policy == generous)
    }

    /// The trust file is the upper limit of each field by itself, whatever the commit and the ones before it allow.
    @Test(arguments: [
        (Fleet.Policy(unattended: .live, prune: true, deletionBudget: 9), "unattended"),
        (Fleet.Policy(unattended: .none, prune: true, deletionBudget: 9), "unattended"),
        (Fleet.Policy(unattended: .off, prune: true, deletionBudget: 9), "unattended"),
        (Fleet.Policy(unattended: .restart, prune: false, deletionBudget: 9), "prune"),
        (Fleet.Policy(unattended: .restart, prune: true, deletionBudget: 3), "deletionBudget"),
        (Fleet.Policy(unattended: .restart, prune: true, deletionBudget: 0), "deletionBudget"),
        (Fleet.Policy(unattended: .restart, prune: true, deletionBudget: 9, drift: .report), "drift"),
    ]) func theTrustFileIsTheLimit(_ limits: Fleet.Policy, _ field: String) async throws {
        let generous = Fleet.Policy(unattended: .restart, prune: true, deletionBudget: 9)
        let reader = CommitReader(
            repository: Self.reader.repository, path: "", trust: Trust(limits: limits), images: nil)
        let revision = try Self.revision(generous)
        let mark = CommitMark(commit: revision.commit.id, tree: "", ceiling: generous)
        for (marks, current) in [([], nil), ([mark], nil), ([], revision), ([mark], revision)] {
            let mandate = try await reader.mandate(for: revision, marks: marks, current: current)
            // All else was generous, and stays so.
            #expect(mandate.policy == limits, "\(field)")
            // What the hosts remember is what the fleet said: another trust file may allow more.
            #expect(mandate.ceiling == generous, "\(field)")
        }
        // A limit gives nothing that the fleet does not ask for.
        let modest = Fleet.Policy(unattended: .none, prune: false, deletionBudget: 0, drift: .report)
        let mandate = try await reader.mandate(for: try Self.revision(modest), marks: [mark], current: nil)
        #expect(
            mandate.policy == limits.narrowed(by: modest) && !mandate.policy.prune
                && mandate.policy.deletionBudget == 0 && mandate.policy.drift == .report
                && mandate.policy.unattended <= .none)
    }
}
