import Foundation
import Testing

extension LiveTests {
    /// Four of the places where `make campaign` kills an apply of the office.
    @Suite struct KillLiveTests {
        @Test func theNextRunConverges() async throws {
            try await withFleet("office") { office in
                try await office.writeOffice()
                let trial = try await KillTrial(office)
                for step in [
                    "Image/tiny/import-disks", "Network/office/create-vxlan", "artist/define", "file-server/start",
                ] {
                    try await trial.kill(at: step) { event, _ in
                        event.what == .stepStarted && event.step.hasSuffix(step)
                    }
                }
            }
        }
    }
}

/// Every place: run by `make campaign` alone, since it makes the office some fifty times.
@Suite(
    .enabled(if: ProcessInfo.processInfo.environment["INFRA_CAMPAIGN"] != nil, "run by make campaign"), .serialized)
struct KillCampaign {
    @Test func everyBoundaryOfTheOffice() async throws {
        try await withFleet("office") { office in
            try await office.writeOffice()
            let trial = try await KillTrial(office)
            for (index, event) in trial.events.enumerated() {
                try await trial.kill(at: "\(event.step), \(event.what)") { _, count in count == index }
            }
        }
    }

    /// Not at a boundary but anywhere in between: half-way through what the step took undisturbed.
    @Test func theMiddleOfEveryStep() async throws {
        try await withFleet("office") { office in
            try await office.writeOffice()
            let trial = try await KillTrial(office)
            for (index, event) in trial.events.enumerated() where event.what == .stepStarted {
                let pause = trial.durations[event.step].map { $0 / 2 } ?? .zero
                try await trial.kill(at: "the middle of \(event.step)", after: pause) { _, count in count == index }
            }
        }
    }
}

/// An apply that ran undisturbed, to compare with those that are killed.
struct KillTrial {
    let fleet: TestFleet
    /// What there is on the host afterwards.
    let undisturbed: String
    /// Where steps began and ended, in order.
    let events: [StepEvent]
    let durations: [String: Duration]

    /// Applies the fleet once.
    init(_ fleet: TestFleet) async throws {
        var events: [StepEvent] = []
        var began: [String: ContinuousClock.Instant] = [:]
        var durations: [String: Duration] = [:]
        let ended = try await fleet.watchApply("--parallelism", "1") { event, _ in
            events.append(event)
            if event.what == .stepStarted { began[event.step] = .now }
            if event.what == .stepDone { durations[event.step] = began[event.step].map { .now - $0 } }
        }
        guard ended.status == 0 else { throw Failure("\(ended)") }
        self.fleet = fleet
        self.events = events
        self.durations = durations
        undisturbed = try await HostState.objects()
    }

    /// Starts from nothing, kills the apply at an event, and applies again.
    /// - Parameter isIt: Told an event and how many were before it.
    func kill(
        at place: String, after pause: Duration = .zero, when isIt: (StepEvent, Int) -> Bool
    ) async throws {
        try await fleet.wipe()
        var count = 0
        let killed = try await fleet.watchApply("--parallelism", "1") { event, process in
            if isIt(event, count) {
                try await Task.sleep(for: pause)
                process.send(SIGKILL)
            }
            count += 1
        }
        // In the middle of the last steps it may have ended before.
        #expect(killed.status == 128 + Int(SIGKILL) || pause > .zero, "\(place): \(killed)")
        // A command that it had started may still be at work; the lock waits for it.
        let next = try await fleet.apply("--lock-timeout", "60s")
        #expect(next.status == 0 && next.lastLine == "No changes.", "\(place): \(next)")
        #expect(try await HostState.objects().changes(since: undisturbed) == [], "\(place)")
        let last = try await fleet.apply()
        #expect(last.status == 0 && last.output == "No changes.\n", "\(place): \(last)")
    }
}
