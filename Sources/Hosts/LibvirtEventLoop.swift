import CLibvirt
import Foundation
import Synchronization

/// The event loop that libvirt's client code asks for, on a thread of its own: sockets by epoll, timers beside them.
///
/// libvirt takes its socket out of the loop while a call waits for the answer, and puts it back after each. Its own loop
/// is woken by both, which doubles the cost of reading many domains. Here a socket is listened to again only once it was
/// left alone for a moment: a burst of calls makes no system call here and wakes nobody.
final class LibvirtEventLoop: Sendable {
    /// A descriptor that libvirt listens to.
    ///
    /// Unchecked because its variables are only used with the state locked.
    private final class Handle: @unchecked Sendable {
        let descriptor: Int32
        let callback: virEventHandleCallback
        let context: Context
        var events: Int32 = 0
        /// Whether epoll knows it.
        var isArmed = false
        /// When epoll is to know it.
        var armsAt = ContinuousClock.now

        init(_ descriptor: Int32, _ callback: @escaping virEventHandleCallback, _ context: Context) {
            self.descriptor = descriptor
            self.callback = callback
            self.context = context
        }
    }

    /// A timer of libvirt's.
    ///
    /// Unchecked because its variables are only used with the state locked.
    private final class Timer: @unchecked Sendable {
        let callback: virEventTimeoutCallback
        let context: Context
        /// Milliseconds between two calls; negative while it is switched off.
        var interval: Int32 = -1
        var due = ContinuousClock.now

        init(_ callback: @escaping virEventTimeoutCallback, _ context: Context) {
            self.callback = callback
            self.context = context
        }
    }

    /// What a callback is given, and how libvirt frees it.
    ///
    /// Unchecked because only the loop's own thread passes it to libvirt, and frees it.
    private struct Context: @unchecked Sendable {
        let value: UnsafeMutableRawPointer?
        let free: virFreeCallback?
    }

    private struct State {
        var handles: [Int32: Handle] = [:]
        var timers: [Int32: Timer] = [:]
        /// Freed by the loop's thread, between callbacks: the one being removed may be running.
        var removed: [Context] = []
        var next: Int32 = 1
        /// Until when the loop's thread sleeps.
        var sleepsUntil: ContinuousClock.Instant?
    }

    /// How long a socket was left alone before it is listened to again.
    private static let settling = Duration.milliseconds(5)

    private let state = Mutex(State())
    private let epoll: Int32
    private let wakeup: Int32

    /// Nil when the system gives no more descriptors.
    init?() {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        wakeup = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard epoll >= 0, wakeup >= 0, control(EPOLL_CTL_ADD, wakeup, 0, EPOLLIN.rawValue) else { return nil }
    }

    /// Serves for ever.
    func run() {
        var events = [epoll_event](repeating: epoll_event(), count: 16)
        while true {
            let count = epoll_wait(epoll, &events, Int32(events.count), sleep())
            for event in events.prefix(Int(max(count, 0))) { dispatch(watch: event.data.fd, event.events) }
            fireTimers()
            free()
        }
    }

    // MARK: What libvirt calls, from any thread

    func addHandle(
        _ descriptor: Int32, _ events: Int32, _ callback: @escaping virEventHandleCallback,
        _ value: UnsafeMutableRawPointer?, _ free: virFreeCallback?
    ) -> Int32 {
        let context = Context(value: value, free: free)
        let watch = state.withLock { state in
            let watch = state.next
            state.next += 1
            state.handles[watch] = Handle(descriptor, callback, context)
            return watch
        }
        updateHandle(watch, events)
        return watch
    }

    /// With no events the descriptor leaves epoll, which else would tell of hang-ups all the same.
    func updateHandle(_ watch: Int32, _ events: Int32) {
        let isEarlier = state.withLock { state in
            guard let handle = state.handles[watch], handle.events != events else { return false }
            if handle.isArmed { _ = control(EPOLL_CTL_DEL, handle.descriptor, watch, 0) }
            handle.isArmed = false
            handle.events = events
            guard events != 0 else { return false }
            handle.armsAt = .now + Self.settling
            return state.sleepsUntil.map { handle.armsAt < $0 } ?? true
        }
        if isEarlier { wake() }
    }

    func removeHandle(_ watch: Int32) -> Int32 {
        let isKnown = state.withLock { state in
            guard let handle = state.handles.removeValue(forKey: watch) else { return false }
            if handle.isArmed { _ = control(EPOLL_CTL_DEL, handle.descriptor, watch, 0) }
            state.removed.append(handle.context)
            return true
        }
        wake()
        return isKnown ? 0 : -1
    }

    func addTimer(
        _ interval: Int32, _ callback: @escaping virEventTimeoutCallback, _ value: UnsafeMutableRawPointer?,
        _ free: virFreeCallback?
    ) -> Int32 {
        let context = Context(value: value, free: free)
        let timer = state.withLock { state in
            let timer = state.next
            state.next += 1
            state.timers[timer] = Timer(callback, context)
            return timer
        }
        updateTimer(timer, interval)
        return timer
    }

    /// Wakes the loop only for what is due before it wakes anyhow: keepalive puts its timer off with every answer.
    func updateTimer(_ timer: Int32, _ interval: Int32) {
        let isEarlier = state.withLock { state in
            guard let timer = state.timers[timer] else { return false }
            timer.interval = interval
            timer.due = .now + .milliseconds(max(interval, 0))
            guard interval >= 0 else { return false }
            return state.sleepsUntil.map { timer.due < $0 } ?? true
        }
        if isEarlier { wake() }
    }

    func removeTimer(_ timer: Int32) -> Int32 {
        let isKnown = state.withLock { state in
            guard let removed = state.timers.removeValue(forKey: timer) else { return false }
            state.removed.append(removed.context)
            return true
        }
        wake()
        return isKnown ? 0 : -1
    }

    // MARK: What the loop's own thread does

    /// Arms what has settled, and says for how many milliseconds nothing else is to do; -1 for ever.
    private func sleep() -> Int32 {
        state.withLock { state in
            let now = ContinuousClock.now
            var next: ContinuousClock.Instant?
            for (watch, handle) in state.handles where !handle.isArmed && handle.events != 0 {
                if handle.armsAt <= now {
                    let events = Self.epollEvents(handle.events)
                    handle.isArmed = control(EPOLL_CTL_ADD, handle.descriptor, watch, events)
                } else {
                    next = min(next ?? handle.armsAt, handle.armsAt)
                }
            }
            for timer in state.timers.values where timer.interval >= 0 { next = min(next ?? timer.due, timer.due) }
            state.sleepsUntil = next
            guard state.removed.isEmpty else { return 0 }
            guard let next else { return -1 }
            return max(0, Int32(clamping: Int((next - now) / .milliseconds(1)) + 1))
        }
    }

    private func dispatch(watch: Int32, _ events: UInt32) {
        guard watch != 0 else {
            var count: UInt64 = 0
            _ = read(wakeup, &count, MemoryLayout.size(ofValue: count))
            return
        }
        guard let handle = state.withLock({ state in state.handles[watch].flatMap { $0.isArmed ? $0 : nil } }) else {
            return
        }
        handle.callback(watch, handle.descriptor, Self.libvirtEvents(events), handle.context.value)
    }

    private func fireTimers() {
        let now = ContinuousClock.now
        for number in state.withLock({ Array($0.timers.keys) }) {
            let timer = state.withLock { state -> Timer? in
                guard let timer = state.timers[number], timer.interval >= 0, timer.due <= now else { return nil }
                timer.due = now + .milliseconds(timer.interval)
                return timer
            }
            if let timer { timer.callback(number, timer.context.value) }
        }
    }

    private func free() {
        let removed = state.withLock { state in
            defer { state.removed = [] }
            return state.removed
        }
        for context in removed { context.free?(context.value) }
    }

    private func wake() {
        var one: UInt64 = 1
        _ = write(wakeup, &one, MemoryLayout.size(ofValue: one))
    }

    private func control(_ operation: Int32, _ descriptor: Int32, _ watch: Int32, _ events: UInt32) -> Bool {
        var event = epoll_event()
        event.events = events
        event.data.fd = watch
        return epoll_ctl(epoll, operation, descriptor, &event) == 0
    }

    private static let pairs = [
        (EPOLLIN.rawValue, VIR_EVENT_HANDLE_READABLE.rawValue), (EPOLLOUT.rawValue, VIR_EVENT_HANDLE_WRITABLE.rawValue),
        (EPOLLERR.rawValue, VIR_EVENT_HANDLE_ERROR.rawValue), (EPOLLHUP.rawValue, VIR_EVENT_HANDLE_HANGUP.rawValue),
    ]

    private static func epollEvents(_ events: Int32) -> UInt32 {
        pairs.reduce(0) { UInt32(bitPattern: events) & $1.1 == 0 ? $0 : $0 | $1.0 }
    }

    private static func libvirtEvents(_ events: UInt32) -> Int32 {
        Int32(bitPattern: pairs.reduce(0) { events & $1.0 == 0 ? $0 : $0 | $1.1 })
    }
}
