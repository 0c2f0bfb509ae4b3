import Model
import Testing

@testable import Watching

@Suite struct BackoffTests {
    private static let web = ResourceID(.virtualMachine, "web")
    private static let net = ResourceID(.network, "net")
    private static let start = ContinuousClock.now

    private func after(_ duration: Duration) -> ContinuousClock.Instant { Self.start + duration }

    @Test func pausesDoubleUpToTenMinutes() {
        let pauses = (1...10).map { Backoff.pause(after: $0, 0) }
        #expect(pauses == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600].map { .seconds($0) })
        // However long it goes on.
        for failures in [16, 63, 64, 1000, .max] { #expect(Backoff.pause(after: failures, 0) == .seconds(600)) }
    }

    /// Up to a fifth sooner or later, so that what failed together is not tried again together.
    @Test func jitterIsAFifthAtMost() {
        for failures in [1, 2, 5, 30] {
            let plain = Backoff.pause(after: failures, 0)
            #expect(Backoff.pause(after: failures, -1) == plain * 4 / 5)
            #expect(Backoff.pause(after: failures, 1) == plain * 6 / 5)
            #expect(Backoff.pause(after: failures, -0.5) == plain * 9 / 10)
            // What is no jitter counts as the most of it.
            #expect(Backoff.pause(after: failures, 7) == plain * 6 / 5)
            #expect(Backoff.pause(after: failures, -.infinity) == plain * 4 / 5)
        }
        var backoff = Backoff()
        backoff.failed(Self.web, "no", now: Self.start, jitter: 1)
        backoff.failed(Self.net, "no", now: Self.start, jitter: -1)
        #expect(backoff.takeDue(now: after(.seconds(5))) == [Self.net])
        #expect(backoff.next == after(.seconds(6)))
    }

    @Test func eachResourceWaitsByItself() {
        var backoff = Backoff()
        #expect(backoff.next == nil)
        backoff.failed(Self.web, "no memory", now: Self.start, jitter: 0)
        backoff.failed(Self.web, "still none", now: after(.seconds(1)), jitter: 0)
        backoff.failed(Self.net, "no link", now: after(.seconds(2)), jitter: 0)
        // Twice is ten seconds, once five.
        #expect(backoff.next == after(.seconds(7)))
        let waiting = backoff.waiting(now: after(.seconds(3)))
        #expect(waiting[Self.web] == "failed 2 times, is tried again later: still none")
        #expect(waiting[Self.net] == "failed once, is tried again later: no link")
        #expect(backoff.waiting(now: after(.seconds(7))).keys.sorted() == [Self.web])
        #expect(backoff.takeDue(now: after(.milliseconds(6999))).isEmpty)
        #expect(backoff.takeDue(now: after(.seconds(7))) == [Self.net])
        // It is taken once; whether it fails again is to be seen.
        #expect(backoff.takeDue(now: after(.seconds(8))).isEmpty)
        #expect(backoff.next == after(.seconds(11)))
        #expect(backoff.takeDue(now: after(.seconds(20))) == [Self.web])
        #expect(backoff.next == nil)
    }

    @Test func successEndsItAndFailureGoesOn() {
        var backoff = Backoff()
        for _ in 1...3 {
            backoff.failed(Self.web, "no", now: Self.start, jitter: 0)
            _ = backoff.takeDue(now: after(.seconds(600)))
        }
        // That it was tried is no success: the next pause is the fourth.
        backoff.failed(Self.web, "no", now: Self.start, jitter: 0)
        #expect(backoff.next == after(.seconds(40)))
        backoff.failed(Self.net, "no", now: Self.start, jitter: 0)
        backoff.succeeded(Self.web)
        #expect(backoff.waiting(now: Self.start).keys.sorted() == [Self.net])
        backoff.failed(Self.web, "no", now: Self.start, jitter: 0)
        #expect(backoff.waiting(now: Self.start)[Self.web]?.hasPrefix("failed once") == true)
        backoff.reset()
        #expect(backoff.next == nil && backoff.waiting(now: Self.start).isEmpty)
        #expect(backoff.takeDue(now: after(.seconds(9999))).isEmpty)
        // After somebody's word it begins anew.
        backoff.failed(Self.net, "no", now: Self.start, jitter: 0)
        #expect(backoff.next == after(.seconds(5)))
    }
}
