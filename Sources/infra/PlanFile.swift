import ArgumentParser
import Foundation
import Model
import Planning

/// A plan with all that is needed to do it later: `plan --out`, `apply --plan`.
struct PlanFile: Codable {
    var version = Plan.currentVersion
    var plan: Plan
    var manifest: FleetManifest
    /// The manifests' files, and what was on the hosts: the plan is done only while both are so.
    var sources: ManifestDigest
    var basis: PlanBasis
    var allowance: Disruption
    var targets: [ResourceID]
    /// Left out by versions that did not know it.
    var unusedImages: Bool?
    var sparsified: [String]?
    /// When it was made, which says what snapshots were due.
    var now: Moment?
    /// What was asked of deleted volumes. Left out by versions that did not know it.
    var deleteNow: Bool?
    var purgeDeleted: Bool?

    var options: PlanOptions {
        PlanOptions(
            allowance: allowance, targets: Set(targets), removesUnusedImages: unusedImages ?? false,
            sparsified: Set(sparsified ?? []), now: now,
            rotatesSnapshots: targets.isEmpty && manifest.fleet.policy.rotateSnapshots,
            keepsDeleted: deleteNow != true, purgesDeleted: purgeDeleted ?? false)
    }

    /// Tells that a plan no longer holds.
    /// - Throws: `ExitCode`, always.
    static func refuse(_ why: String) throws {
        Console.error("error[changed]: \(TerminalText.safe(why))")
        throw ExitCode(Exit.refused)
    }

    func write(to path: String) throws {
        do {
            try Data(try JSONOutput.document(self).utf8).write(to: URL(filePath: path), options: .atomic)
            // What cloud-init is told may hold what is nobody else's business.
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        } catch {
            Console.error("error[plan-file]: \(path) cannot be written: \(error.localizedDescription)")
            throw ExitCode(Exit.couldNotRun)
        }
    }

    static func read(_ path: String) throws -> PlanFile {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw unusable("\(path) cannot be read")
        }
        guard let head = try? JSONDecoder().decode(Head.self, from: data) else {
            throw unusable("\(path) is not a plan that `infra plan --out` wrote")
        }
        // Fields come and go without another number where nobody would misread them.
        guard head.version == Plan.currentVersion, let file = try? JSONDecoder().decode(PlanFile.self, from: data)
        else {
            throw unusable("\(path) was written by another version of infra; plan again with `infra plan --out`")
        }
        return file
    }

    /// What every version has.
    private struct Head: Decodable {
        struct Part: Decodable {}

        let version: Int
        let plan: Part
        let manifest: Part
    }

    private static func unusable(_ what: String) -> ExitCode {
        Console.error("error[plan-file]: \(TerminalText.safe(what))")
        return ExitCode(Exit.couldNotRun)
    }
}
