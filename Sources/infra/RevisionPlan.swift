import ArgumentParser
import Crypto
import Foundation
import GitRepository
import Manifests
import Model
import Planning
import Watching

/// What the way from one commit to another does, told without any host: the first commit is taken as done, whole, on
/// hosts on which nothing else is. Where the way goes back, the hosts went forward before: disks that the first commit left
/// behind are still there.
struct RevisionPlan {
    /// The commit that it starts from.
    let from: GitCommit
    /// The commit that it leads to.
    let to: GitCommit
    /// What would be done.
    let plan: Plan
    /// The repository's folder.
    let repository: GitRepository
    /// How the commit that it leads to stands to the one that it starts from.
    let relation: GitRelation

    /// Plans between two commits of the repository in which a folder of manifests lies.
    /// - Throws: `ExitCode` when a commit cannot be read or is no valid fleet.
    init(_ fleet: FleetOptions, from: String, to: String, options: PlanOptions) async throws {
        guard let place = GitPlace(of: fleet.path) else {
            throw told("repository", "\(fleet.path) lies in no git repository")
        }
        repository = GitRepository(existing: place.root, program: Program.path, environment: [:])
        let reader = CommitReader(
            repository: repository, path: place.below, trust: .everybody, images: fleet.files)
        let before: Revision
        let after: Revision
        do throws(GitError) {
            self.from = try await repository.commit(try await repository.resolve(from))
            self.to = try await repository.commit(try await repository.resolve(to))
            relation = try await repository.relation(of: self.to.id, to: self.from.id)
            before = try Self.valid(try await reader.read(self.from.id), fleet.files)
            after = try Self.valid(try await reader.read(self.to.id), fleet.files)
        } catch {
            throw told("repository", "\(error)")
        }
        var simulator = Simulator.empty(before.manifest)
        if relation == .ancestor, before.manifest.fleet.uuid == after.manifest.fleet.uuid {
            // One that was never possible by itself says nothing of what is left of it.
            if let earlier = try? Self.done(after.manifest, by: simulator) { simulator = earlier }
        }
        do {
            simulator = try Self.done(before.manifest, by: simulator)
        } catch {
            throw told("from", "\(from) cannot be taken as done: \(error)")
        }
        for host in after.manifest.hosts where simulator.hosts[host.metadata.identity] == nil {
            simulator.hosts.merge(Simulator.empty(after.manifest).hosts) { known, _ in known }
        }
        let plan = Planner.plan(
            Self.known(after.manifest), observed: simulator.observation(after.manifest), options: options)
        self.plan = plan.placed(in: after.sources)
    }

    /// The hosts once a commit is done on them, whole.
    private static func done(_ manifest: FleetManifest, by hosts: Simulator) throws -> Simulator {
        var simulator = hosts
        let known = Simulator.empty(manifest).hosts
        simulator.hosts.merge(known) { old, _ in old }
        let plan = Planner.plan(
            Self.known(manifest), observed: simulator.observation(manifest),
            options: PlanOptions(allowance: .dataLoss))
        try simulator.apply(plan)
        return simulator
    }

    private static func valid(_ reading: CommitReading, _ files: String?) throws(GitError) -> Revision {
        switch reading {
        case .valid(let revision): return revision
        case .refused(let commit, let reasons):
            throw .notFound(
                "commit \(commit.short) is no valid fleet:\n" + reasons.map(\.description).joined(separator: "\n"))
        }
    }

    /// Without the image files an image is known by what its manifest says, which serves to tell two apart; so is a
    /// secret.
    private static func known(_ manifest: FleetManifest) -> FleetManifest {
        var manifest = manifest
        for index in manifest.images.indices where manifest.images[index].spec.sha256 == nil {
            let digest = SHA256.hash(data: Data((manifest.images[index].spec.file ?? "").utf8))
            manifest.images[index].spec.sha256 = digest.hexDigits
        }
        for index in manifest.machines.indices {
            manifest.machines[index].spec.cloudInit?.setDigests { $0.file ?? $0.age }
        }
        return manifest
    }
}
