public import Foundation
import Model
import Planning

/// Tells a forge what became of a commit, as a commit status.
///
/// Formats: GitHub's REST API, "Create a commit status"; Gitea's, `POST /repos/{owner}/{repo}/statuses/{sha}`; GitLab's,
/// "Set the pipeline status of a commit".
public final class CommitStatus: WatchEventSink {
    /// Whose API it is.
    public enum Forge: String, Sendable, CaseIterable {
        /// GitHub; the base is `https://api.github.com`.
        case github
        /// Gitea or Forgejo; the base ends with `/api/v1`.
        case gitea
        /// GitLab; the base ends with `/api/v4`.
        case gitlab
    }

    private enum Phase: String {
        case pending
        case success
        case failure
    }

    private let forge: Forge
    private let base: WebAddress
    private let project: String
    private let token: String
    private let context: String
    private let queue: TellingQueue
    private let told = Told()

    /// - Parameters:
    ///   - base: the root of the forge's API.
    ///   - project: `owner/name`.
    ///   - tokenFile: a file of mode 0600 with a token that may set statuses.
    ///   - context: what the status is called there.
    public init(
        forge: Forge, base: WebAddress, project: String, tokenFile: String, context: String = "infra",
        deadline: Duration = .seconds(10), pauses: [Duration] = [.seconds(2), .seconds(10), .seconds(30)]
    ) throws(SecretFileError) {
        self.forge = forge
        self.base = base
        self.project = project
        self.context = context
        token = try SecretFile.read(tokenFile)
        queue = TellingQueue("the forge", sender: WebSender(deadline: deadline), pauses: pauses)
    }

    /// Waits for what is on its way, at the end of the watcher.
    public func finish(within limit: Duration) async { await queue.finish(within: limit) }

    /// Puts a status into the queue when the event changes it. What is done about drift is not the commit's.
    public func take(_ event: WatchEvent, at time: Date) async {
        switch event {
        case .commitRefused(let commit, let reasons):
            let more = reasons.count > 1 ? " (and \(reasons.count - 1) more)" : ""
            tell(commit.id, .failure, "Refused: \(reasons.first?.description ?? "no reason given")\(more)")
        case .commitHeld(let commit, let reason): tell(commit.id, .pending, "Held: \(reason)")
        case .commitAccepted(let commit): tell(commit.id, .pending, "In force, not applied yet")
        case .planned(let commit, .commit, let plan):
            let summary = plan.summary
            tell(
                commit, .pending,
                "Applying: \(summary.add) to add, \(summary.change) to change, \(summary.destroy) to destroy")
        case .converged(let commit, let deferred, _):
            tell(commit, .success, "Converged" + (deferred.isEmpty ? "" : "; \(deferred.count) deferred"))
        case .notConverged(let commit, let reasons, _):
            tell(commit, .failure, "Not converged: \(reasons.first ?? "no reason given")")
        default: break
        }
    }

    private func tell(_ commit: String, _ phase: Phase, _ text: String) {
        let text = String(TerminalText.safe(text).prefix(140))
        guard commit.utf8.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }),
            told.isNews(commit, "\(phase) \(text)")
        else { return }
        let names = project.split(separator: "/").map(String.init)
        let (path, state, authorization, name) =
            switch forge {
            case .github:
                (["repos"] + names + ["statuses", commit], phase.rawValue, "Authorization: Bearer \(token)", "context")
            case .gitea:
                (["repos"] + names + ["statuses", commit], phase.rawValue, "Authorization: token \(token)", "context")
            case .gitlab:
                (
                    ["projects", project, "statuses", commit], phase == .failure ? "failed" : phase.rawValue,
                    "PRIVATE-TOKEN: \(token)", "name"
                )
            }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let body = try? encoder.encode(["state": state, "description": text, name: context]) else { return }
        queue.add(
            WebSender.Message(
                address: base.appending(path), fields: [authorization, "Accept: application/json"], body: body))
    }
}
