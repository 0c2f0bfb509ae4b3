import Testing

@testable import Drivers
@testable import Hosts

/// A copy that is nearly there is looked at more often than one that has just begun.
@Suite struct DiskMoveTests {
    private func pause(_ done: UInt64, of total: UInt64, after seconds: Int) -> Duration {
        ComputeDriver.pause(BlockCopyProgress(done: done, total: total), after: .seconds(seconds))
    }

    @Test func halfOfWhatIsLeft() {
        #expect(pause(90, of: 100, after: 3) < .milliseconds(200))
        #expect(pause(90, of: 100, after: 3) > .milliseconds(150))
        #expect(pause(1, of: 100, after: 3) == .milliseconds(300))
        #expect(pause(99, of: 100, after: 3) == .milliseconds(50))
        // Nothing is known yet, or all is copied and written through.
        #expect(pause(0, of: 100, after: 3) == .milliseconds(50) && pause(100, of: 100, after: 3) == .milliseconds(50))
        #expect(ComputeDriver.pause(nil, after: .seconds(3)) == .milliseconds(50))
    }
}
