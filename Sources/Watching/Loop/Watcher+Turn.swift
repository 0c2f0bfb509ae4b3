import Foundation
import GitRepository
import Model
import Planning
import Reconciler
import Synchronization

extension Watcher {
    /// One turn: judges a newer commit, compares what is in force with what is there, and does the difference.
    /// - Returns: After which time to look again when nothing wakes it.
    func turn(_ reasons: Set<WakeReason>) async -> Duration {
        pulse(.turned)
        guard var candidate = newest.revision ?? current else { return settings.interval }
        // One that comes back is judged, and told, like one that was never there.
        if newest.takeNews() { verdict = nil }
        let now = clock.now
        let isFull = now >= nextFull
        let due = backoff.takeDue(now: now)
        // One that was judged is judged again when something changed.
        let isFresh = candidate.commit.id != current?.commit.id && candidate.commit.id != verdict?.commit
        let isIdle = !isFresh && !isFull && due.isEmpty && reasons.isEmpty
        if isIdle, isLeading { return pause }
        if reasons.contains(.request) {
            backoff.reset()
            blockedTurns = 0
        }
        let hadEvents = reasons.contains { if case .host = $0 { true } else { false } }
        // A machine that starts tells several things in a row.
        if hadEvents, reasons.allSatisfy({ if case .host = $0 { true } else { false } }) {
            try? await Task.sleep(for: .milliseconds(200))
            if !isFull, due.isEmpty, !isFresh, await makesNoDifference(candidate) { return pause }
        }
        candidate = await candidate.withSecrets().revision
        let fleet = await ConnectedFleet(
            candidate.manifest, files: candidate.files, secrets: candidate.secrets, settings: settings.run,
            lastSights: lastSights)
        guard await leads(fleet) else { return settings.standby }
        if isIdle, candidate.commit.id == current?.commit.id { return pause }
        signal.forgetHosts()
        pulse(.read(whole: true))
        nextFull = clock.now + settings.resync
        let cause: WatchEvent.Cause =
            reasons.contains(.request) ? .request : !due.isEmpty && !hadEvents ? .retry : .drift
        let turn = Turn(cause: cause, due: due, isMissed: isFull && !hadEvents && cause == .drift && isConverged)
        do throws(GitError) {
            let memory = await remembered(by: fleet)
            try await recall(memory, candidate)
            if candidate.commit.id == current?.commit.id {
                let mandate = try await reader.mandate(for: candidate, marks: memory.ordered, current: current)
                await reconcile(candidate, fleet, memory, Admitted(mandate: mandate), turn)
            } else if let admitted = try await admit(candidate, fleet, memory) {
                verdict = nil
                acknowledged.withLock { _ = $0.remove(candidate.commit.id) }
                putInForce(candidate)
                await reconcile(candidate, fleet, memory, admitted, Turn(cause: .commit))
            } else if isFresh, try await fallBack(from: candidate) {
                return pause
            } else if let current = await current?.withSecrets().revision {
                // What the hosts remember may lie under another fleet's id or other hosts.
                let fleet = await ConnectedFleet(
                    current.manifest, files: current.files, secrets: current.secrets, settings: settings.run,
                    lastSights: lastSights)
                let memory = await remembered(by: fleet)
                let mandate = try await reader.mandate(for: current, marks: memory.ordered, current: current)
                await reconcile(current, fleet, memory, Admitted(mandate: mandate), turn)
            }
        } catch {
            events.tell(.repositoryFailed(reason: "\(error)"))
            return min(settings.interval, .seconds(30))
        }
        return pause
    }

    private func putInForce(_ revision: Revision) {
        current = revision
        backoff.reset()
        blockedTurns = 0
        isConverged = false
        reported = []
        events.tell(.commitAccepted(revision.commit))
        listen(to: revision.manifest.hosts)
    }

    /// How many commits before a refused one are judged.
    private static let fallBacks = 10

    /// A commit that is refused may have come with others: the newest of those before it that can be done is.
    /// - Returns: Whether there was one.
    private func fallBack(from refused: Revision) async throws(GitError) -> Bool {
        guard case .commitRefused = verdict?.event, let id = GitCommitID(refused.commit.id) else { return false }
        let inForce = current.flatMap { GitCommitID($0.commit.id) }
        for earlier in try await reader.steps(back: id, to: inForce).prefix(Self.fallBacks) {
            guard case .valid(let read) = try await reader.read(earlier) else { continue }
            let revision = await read.withSecrets().revision
            let fleet = await ConnectedFleet(
                revision.manifest, files: revision.files, secrets: revision.secrets, settings: settings.run,
                lastSights: lastSights)
            let memory = await remembered(by: fleet)
            guard case .admitted(let admitted) = try await judge(revision, fleet, memory) else { continue }
            events.tell(.commitArrived(revision.commit))
            putInForce(revision)
            await reconcile(revision, fleet, memory, admitted, Turn(cause: .commit))
            return true
        }
        return false
    }

    /// What a turn left when there was nothing to do any more.
    struct Settled: Sendable {
        var commit: String
        /// With its secrets' digests.
        var manifest: FleetManifest
        var options: PlanOptions
    }

    /// Whether what hosts told of makes no difference to what is in force. Only that is looked at again; where it may make
    /// one, everything is read before anything is said or done. What events do not tell is found by the next full read.
    private func makesNoDifference(_ candidate: Revision) async -> Bool {
        guard let settled, isConverged, isLeading, candidate.commit.id == settled.commit,
            current?.commit.id == settled.commit
        else { return false }
        let fleet = await ConnectedFleet(settled.manifest, files: nil, settings: settings.run)
        guard let observed = await fleet.observe(signal.takeHosts(), since: lastSights) else { return false }
        pulse(.read(whole: false))
        let plan = Planner.plan(settled.manifest, observed: observed, options: settled.options)
        return plan.steps.isEmpty && plan.problems.isEmpty && !fleet.remembersTooMuch(lastSights)
            && plan.blocked.allSatisfy { isSuspended($0, settled.options.heldBack) }
    }

    /// Why a turn is made.
    struct Turn: Sendable {
        var cause: WatchEvent.Cause
        /// What failed before and is tried again.
        var due: Set<ResourceID> = []
        /// Whether a difference that is found now had no event.
        var isMissed = false
    }

    /// A watcher that begins goes on with what the hosts remember: it was judged when it was applied.
    private func recall(_ memory: FleetMemory, _ candidate: Revision) async throws(GitError) {
        guard current == nil,
            let mark = try await CommitOrder(repository: reader.repository).newest(of: memory.ordered),
            let revision = try await reader.remembered(mark, like: candidate)
        else { return }
        current = revision
        events.tell(.commitAccepted(revision.commit))
        listen(to: revision.manifest.hosts)
    }

    /// The time to the next full read or retry.
    private var pause: Duration {
        let next = min(nextFull, backoff.next ?? nextFull)
        return max(.milliseconds(10), min(next - clock.now, settings.interval))
    }

    /// What was found of a commit that may be in force.
    struct Admitted: Sendable {
        let mandate: Mandate
        /// The plan for it, when it was made already, and the time of that.
        var plan: Plan?
        var now: Moment?
        /// How long that took to make.
        var took: PlanOutline.Took?
    }

    /// What the hosts say to a commit.
    private enum Answer {
        case admitted(Admitted)
        case held(String)
        case refused([Diagnostic])
    }

    /// Judges a commit against the hosts; nil when it is held or refused, which is told.
    private func admit(
        _ candidate: Revision, _ fleet: ConnectedFleet, _ memory: FleetMemory
    ) async throws(GitError) -> Admitted? {
        switch try await judge(candidate, fleet, memory) {
        case .admitted(let admitted): return admitted
        case .held(let reason): tell(held: candidate, reason)
        case .refused(let reasons): tell(refused: candidate, reasons)
        }
        return nil
    }

    private func judge(
        _ candidate: Revision, _ fleet: ConnectedFleet, _ memory: FleetMemory
    ) async throws(GitError) -> Answer {
        let isAcknowledged = acknowledged.withLock { $0.contains(candidate.commit.id) }
        if !isAcknowledged {
            if !memory.unknown.isEmpty, memory.marks.isEmpty, current == nil {
                let hosts = memory.unknown.sorted { $0.key < $1.key }.map { "\($0.key) (\($0.value))" }
                return .held("no host says what was applied last: \(hosts.joined(separator: ", "))")
            }
            var marks = memory.ordered
            if marks.isEmpty, let current {
                marks = [CommitMark(commit: current.commit.id, tree: current.commit.tree, ceiling: .init())]
            }
            let order = CommitOrder(repository: reader.repository)
            if let objection = try await order.objection(to: candidate.commit.id, after: marks) {
                return .held(
                    "\(objection); if it is meant, say `infra reconcile --acknowledge \(candidate.commit.id)`")
            }
        }
        let mandate = try await reader.mandate(for: candidate, marks: memory.ordered, current: current)
        var judgement = await Judgement.of(
            candidate, over: fleet, memory: memory, mandate: mandate, standing: current?.manifest)
        if current == nil, !isAcknowledged, memory.marks.isEmpty,
            let earlier = try await reader.earlier(than: candidate.commit),
            let objection = Judgement.objection(to: candidate, after: earlier.manifest)
        {
            judgement.objections.append(objection)
        }
        guard judgement.objections.isEmpty else { return .refused(judgement.objections) }
        return .admitted(Admitted(mandate: mandate, plan: judgement.plan, now: judgement.now, took: judgement.took))
    }

    private func tell(held candidate: Revision, _ reason: String) {
        guard verdict?.commit != candidate.commit.id || verdict?.text != reason else { return }
        verdict = (candidate.commit.id, reason, .commitHeld(candidate.commit, reason: reason))
        events.tell(.commitHeld(candidate.commit, reason: reason))
    }

    private func tell(refused candidate: Revision, _ reasons: [Diagnostic]) {
        let text = reasons.map(\.description).joined(separator: "\n")
        guard verdict?.commit != candidate.commit.id || verdict?.text != text else { return }
        verdict = (candidate.commit.id, text, .commitRefused(candidate.commit, reasons: reasons))
        events.tell(.commitRefused(candidate.commit, reasons: reasons))
    }
}
