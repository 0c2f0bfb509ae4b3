import Foundation
import GitRepository
import Hosts
import Model
import Planning
public import Reconciler
import Synchronization

/// Keeps a fleet as the last trusted and valid commit of a branch says.
///
/// It is level-based: every turn compares what is in force with what is there. Commits, events of hosts and requests only
/// say that a turn is worth while; losing all of them costs time, never correctness.
public actor Watcher {
    let reader: CommitReader
    let settings: WatchSettings
    /// Where everything that happens is told.
    public nonisolated let events: EventBroadcast
    nonisolated let signal = WakeSignal()
    private nonisolated let gitSignal = WakeSignal()
    nonisolated let newest = Newest()
    /// The last commit that can be no fleet, whatever the hosts are like.
    nonisolated let unreadable = Mutex<WatchEvent?>(nil)
    /// The commit in force, for the task that reads commits.
    private nonisolated let inForce = Mutex<GitCommitID?>(nil)
    nonisolated let stopping = Mutex<String?>(nil)
    nonisolated let acknowledged = Mutex<Set<String>>([])
    /// What somebody asked to leave alone, or no longer, and the hosts do not remember yet.
    nonisolated let suspending = Mutex<[ResourceID: Bool]>([:])
    let clock = ContinuousClock()

    /// What is in force.
    var current: Revision? {
        didSet {
            let id = current.flatMap { GitCommitID($0.commit.id) }
            inForce.withLock { $0 = id }
        }
    }
    /// What was last told of a commit that is not done, so that it is told once.
    var verdict: (commit: String, text: String, event: WatchEvent)?
    var backoff = Backoff()
    /// How often in a row something was in the way that no step of ours can change.
    var blockedTurns = 0
    var nextFull: ContinuousClock.Instant
    /// Resources that were told to differ and are left so.
    var reported: Set<ResourceID> = []
    var isConverged = false
    /// What the hosts were as when nothing was left to do, to see whether what events tell of makes a difference.
    var settled: Settled?
    let lastSights = LastSights()
    private var leader: HostLock?
    private var isApplying = false
    /// Those who wait for the end of an apply.
    private var waiters: [CheckedContinuation<Void, Never>] = []
    private var isTold: (standing: String?, leading: Bool) = (nil, false)

    /// What is listened to for events, by host.
    private var listening: [String: Task<Void, Never>] = [:]
    nonisolated let pulse: @Sendable (Pulse) -> Void

    /// A sign of life.
    public enum Pulse: Sendable {
        /// The loop went round.
        case turned
        /// The hosts were read: whole, or what events told of.
        case read(whole: Bool)
        /// The branch was looked at.
        case polled(failed: Bool)
    }

    /// A watcher that has not begun.
    /// - Parameter pulse: Told of every sign of life; does not wait.
    public init(
        reader: CommitReader, settings: WatchSettings, events: EventBroadcast,
        pulse: @escaping @Sendable (Pulse) -> Void = { _ in }
    ) {
        self.pulse = pulse
        self.reader = reader
        self.settings = settings
        self.events = events
        nextFull = clock.now
    }

    /// Works until it is stopped. The running steps are finished, and the place is left to another watcher.
    public func run() async {
        events.tell(
            .started(
                location: reader.repository.location?.description ?? reader.repository.folder,
                branch: reader.repository.branch))
        let feeding = Task { await feed() }
        var pause = Duration.zero
        while reasonToStop == nil {
            let reasons = await signal.next(within: pause)
            if reasonToStop != nil { break }
            pause = await turn(reasons)
        }
        feeding.cancel()
        gitSignal.wake(.stop)
        for task in listening.values { task.cancel() }
        await leader?.release()
        leader = nil
        events.tell(.stopped(reason: reasonToStop ?? "ended"))
        await events.finish()
    }

    /// Asks for an end after the running steps.
    public nonisolated func stop(_ reason: String) {
        stopping.withLock { $0 = $0 ?? reason }
        signal.wake(.stop)
    }

    /// Looks at the branch now.
    public nonisolated func lookAtBranch() { gitSignal.wake(.revision) }

    /// Something happened on a host.
    public nonisolated func hostChanged(_ host: String, _ change: HostChanges = .all) { signal.wake(host, change) }

    /// Looks at the branch and at every host now, and tries again what failed.
    /// - Parameter acknowledging: A commit that is done although it is older than what was applied, or of another
    ///   history.
    public nonisolated func reconcile(acknowledging commit: String?) {
        if let commit { acknowledged.withLock { _ = $0.insert(commit) } }
        gitSignal.wake(.request)
        signal.wake(.request)
    }

    nonisolated var reasonToStop: String? { stopping.withLock { $0 } }

    /// Whether this watcher is the one that works; the others only read.
    func leads(_ fleet: ConnectedFleet) async -> Bool {
        if let leader, leader.isHeld { return true }
        await leader?.release()
        leader = nil
        do throws(ApplyRefusal) {
            leader = try await fleet.lead()
            if !isTold.leading { events.tell(.leading) }
            isTold = (nil, true)
            return true
        } catch {
            let holder = error.obstacle
            if isTold.standing != holder || isTold.leading { events.tell(.standingBy(holder: holder)) }
            isTold = (holder, false)
            return false
        }
    }

    /// Notes that an apply begins or ends.
    func note(applying: Bool) {
        isApplying = applying
        guard !applying else { return }
        for waiter in waiters { waiter.resume() }
        waiters = []
    }

    /// Waits until no apply of this watcher is at work.
    func untilNothingIsApplied() async {
        while isApplying { await withCheckedContinuation { waiters.append($0) } }
    }

    /// What the hosts remember, and what they are about to be told.
    func remembered(by fleet: ConnectedFleet) async -> FleetMemory {
        var memory = await fleet.remembered()
        for (resource, isSuspended) in suspending.withLock({ $0 }) {
            if isSuspended { memory.suspended.insert(resource) } else { memory.suspended.remove(resource) }
        }
        return memory
    }

    /// Why a step is not begun although it was planned: somebody suspended its resource meanwhile. A machine's disks
    /// are left with it, as in a plan.
    nonisolated func reasonToHold(_ step: Step) -> String? {
        suspending.withLock { suspending in
            if suspending[step.resource] == true { return Judgement.suspended }
            guard step.resource.kind == .volume, let dot = step.resource.id.firstIndex(of: ".") else { return nil }
            let machine = ResourceID(.virtualMachine, String(step.resource.id[..<dot]))
            return suspending[machine] == true ? Judgement.suspended : nil
        }
    }

    /// Whether the place was lost since the turn began.
    nonisolated func placeIsLost(_ lock: HostLock?) -> Bool { lock.map { !$0.isHeld } ?? true }

    var place: HostLock? { leader }

    /// Who works, when it is not this one.
    var standingBy: WatchEvent? { isTold.standing.map { .standingBy(holder: $0) } }

    /// Whether the place was held a moment ago.
    var isLeading: Bool { leader?.isHeld ?? false }

    /// Listens to these hosts and no others.
    func listen(to hosts: [KVMHost]) {
        // One that is to be reached in another way is another one.
        let wanted = hosts.filter { !$0.spec.offline }.reduce(into: [:]) { wanted, host in
            wanted["\(host.metadata.identity) \(host.spec.connection)"] = host
        }
        for (way, task) in listening where wanted[way] == nil {
            task.cancel()
            listening[way] = nil
        }
        for (way, host) in wanted where listening[way] == nil {
            let listener = HostListener(
                host: host, watcher: self, keys: settings.run.sshKeys, deadline: settings.run.observationDeadline)
            listening[way] = Task { await listener.run() }
        }
    }

    /// Reads new commits, whatever the hosts do, so that a newer one is known while an older one is applied.
    private nonisolated func feed() async {
        let feed = CommitFeed(reader)
        var failure: String?
        var failures = 0
        while !Task.isCancelled, reasonToStop == nil {
            do throws(GitError) {
                let news = try await feed.look()
                pulse(.polled(failed: false))
                if failure != nil { events.tell(.repositoryRecovered) }
                failure = nil
                failures = 0
                do throws(GitError) {
                    try await take(news, feed)
                } catch {
                    await feed.lookAgain()
                    throw error
                }
            } catch {
                failures += 1
                pulse(.polled(failed: true))
                if failure != "\(error)" { events.tell(.repositoryFailed(reason: "\(error)")) }
                failure = "\(error)"
            }
            var pause = settings.interval
            if failures > 0 {
                // Whoever looks often also tries again soon.
                let soon = Backoff.pause(after: failures, .random(in: -1...1))
                pause = min(soon, settings.interval * (1 << min(failures, 10)), max(settings.interval, .seconds(60)))
            }
            let reasons = await gitSignal.next(within: pause)
            // Somebody may have mended what is not in the repository: an image file, a trusted key.
            if reasons.contains(.request) { await feed.lookAgain(afterRefusal: true) }
        }
    }

    private nonisolated func take(_ news: CommitFeed.News, _ feed: CommitFeed) async throws(GitError) {
        switch news {
        case .nothing: break
        case .valid(let revision):
            events.tell(.commitArrived(revision.commit))
            newest.put(revision)
            signal.wake(.revision)
        case .refused(let commit, let reasons):
            events.tell(.commitArrived(commit))
            unreadable.withLock { $0 = .commitRefused(commit, reasons: reasons) }
            events.tell(.commitRefused(commit, reasons: reasons))
            guard let earlier = try await feed.before(commit, after: inForce.withLock({ $0 })),
                earlier.commit.id != newest.revision?.commit.id
            else { return }
            events.tell(.commitArrived(earlier.commit))
            newest.put(earlier)
            signal.wake(.revision)
        }
    }
}
