import Foundation

/// The queue behind `BlockingCalls` and the threads that work on it.
///
/// Unchecked because every access to the variables below is made with the condition locked.
final class BlockingQueue: @unchecked Sendable {
    /// A piece of work. The job is only its identity, to find it again at its deadline.
    struct Entry: Sendable {
        let job: (any AnyObject & Sendable)?
        let work: @Sendable () -> Void
    }

    private let condition = NSCondition()
    private let limit: Int
    private var entries: [Entry] = []
    private var running: [ObjectIdentifier: Int] = [:]
    private var abandoned: Set<Int> = []
    private var threads = 0
    private var idle = 0
    private var nextThread = 0
    private var isClosed = false

    init(limit: Int) { self.limit = limit }

    /// Adds work, and a thread when none is idle and there may be one more.
    func append(_ entry: Entry) {
        condition.lock()
        defer { condition.unlock() }
        entries.append(entry)
        if idle < entries.count, threads < limit { startThread() }
        condition.signal()
    }

    /// Gives up on a job whose deadline has passed: it leaves the queue, or the thread that is in it leaves the pool.
    func abandon(_ job: any AnyObject & Sendable) {
        condition.lock()
        defer { condition.unlock() }
        if let index = entries.firstIndex(where: { $0.job === job }) {
            entries.remove(at: index)
        } else if let thread = running.removeValue(forKey: ObjectIdentifier(job)) {
            abandoned.insert(thread)
            threads -= 1
            if idle < entries.count, threads < limit { startThread() }
        }
    }

    /// Lets the threads end once there is no work.
    func close() {
        condition.lock()
        isClosed = true
        condition.broadcast()
        condition.unlock()
    }

    private func startThread() {
        threads += 1
        let number = nextThread
        nextThread += 1
        Thread.detachNewThread { self.serve(number) }
    }

    private func serve(_ number: Int) {
        condition.lock()
        defer { condition.unlock() }
        while true {
            idle += 1
            while entries.isEmpty, !isClosed { condition.wait() }
            idle -= 1
            guard !entries.isEmpty else { break }
            perform(entries.removeFirst(), number)
            // Somebody else has this thread's place by now.
            if abandoned.remove(number) != nil { return }
        }
        threads -= 1
    }

    /// Works with the condition unlocked. The entry is released before it is locked again, since what it holds may
    /// come back here when it goes.
    private func perform(_ entry: consuming Entry, _ number: Int) {
        let key = entry.job.map { ObjectIdentifier($0) }
        if let key { running[key] = number }
        condition.unlock()
        entry.work()
        _ = consume entry
        condition.lock()
        if let key { running.removeValue(forKey: key) }
    }
}
