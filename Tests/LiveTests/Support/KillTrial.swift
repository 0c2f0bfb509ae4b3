import Foundation
import Testing

/// An apply, or a destroy, that ran undisturbed, to compare with those that are killed.
struct KillTrial {
    let fleet: TestFleet
    /// How the host becomes what it is before.
    let prepare: () async throws -> Void
    let command: String
    let options: [String]
    /// How many steps run at once; with one the order is always the same.
    let parallelism: Int
    /// What there is on the host afterwards.
    let undisturbed: String
    /// Where steps began and ended, in order.
    let events: [StepEvent]
    let durations: [String: Duration]

    /// Runs it once.
    /// - Parameter prepare: By default a host without anything of the fleet.
    init(
        _ fleet: TestFleet, command: String = "apply", _ options: String..., parallelism: Int = 1,
        prepare: (() async throws -> Void)? = nil
    ) async throws {
        let prepare = prepare ?? { try await fleet.wipe() }
        try await prepare()
        var events: [StepEvent] = []
        var began: [String: ContinuousClock.Instant] = [:]
        var durations: [String: Duration] = [:]
        let ended = try await fleet.watch(command, ["--parallelism", "\(parallelism)"] + options) { event, _ in
            events.append(event)
            if event.what == .stepStarted { began[event.step] = .now }
            if event.what == .stepDone { durations[event.step] = began[event.step].map { .now - $0 } }
        }
        guard ended.status == 0 else { throw Failure("\(ended)") }
        self.fleet = fleet
        self.prepare = prepare
        self.command = command
        self.options = options
        self.parallelism = parallelism
        self.events = events
        self.durations = durations
        undisturbed = try await HostState.objects()
    }

    /// Prepares the host, kills the run at an event, and runs again.
    /// - Parameter isIt: Told an event and how many were before it.
    func kill(
        at place: String, after pause: Duration = .zero, when isIt: (StepEvent, Int) -> Bool
    ) async throws {
        try await prepare()
        var count = 0
        let killed = try await fleet.watch(command, ["--parallelism", "\(parallelism)"] + options) { event, process in
            if isIt(event, count) {
                try await Task.sleep(for: pause)
                process.send(SIGKILL)
            }
            count += 1
        }
        // In the middle of the last steps it may have ended before.
        #expect(killed.status == 128 + Int(SIGKILL) || pause > .zero, "\(place): \(killed)")
        // A command that it had started may still be at work; the lock waits for it.
        let next = try await fleet.change(command, options + ["--lock-timeout", "60s"])
        #expect(next.status == 0 && next.lastLine == "No changes.", "\(place): \(next)")
        #expect(try await HostState.objects().changes(since: undisturbed) == [], "\(place)")
        let last = try await fleet.change(command, options)
        #expect(last.status == 0 && last.output == "No changes.\n", "\(place): \(last)")
    }

    /// Kills at every place where a step began or ended.
    func killEverywhere() async throws {
        for (index, event) in events.enumerated() {
            try await kill(at: "\(event.step), \(event.what)") { _, count in count == index }
        }
    }

    /// Not at a boundary but anywhere in between: half-way through what each step took undisturbed.
    func killInTheMiddle() async throws {
        for (index, event) in events.enumerated() where event.what == .stepStarted {
            let pause = durations[event.step].map { $0 / 2 } ?? .zero
            try await kill(at: "the middle of \(event.step)", after: pause) { _, count in count == index }
        }
    }
}
