import Hosts
import Synchronization
import Testing

@testable import Drivers

/// Steps that ask at the same time share an answer, and nobody gets one that is older than its question.
@Suite(.timeLimit(.minutes(1))) struct SharedReadingTests {
    private let reading = SharedReading<Int>("counting")
    private let desk = Desk()

    /// Counts readings; each waits until it is let go.
    private actor Desk {
        private(set) var begun = 0
        private var free = 0
        private var waiting: [CheckedContinuation<Void, Never>] = []
        private var watching: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []

        func read() async -> Int {
            begun += 1
            let number = begun
            for watcher in watching where watcher.count == begun { watcher.continuation.resume() }
            watching.removeAll { $0.count == begun }
            if free > 0 { free -= 1 } else { await withCheckedContinuation { waiting.append($0) } }
            return number
        }

        func letGo() { if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() } }

        func begins(_ count: Int) async {
            guard begun < count else { return }
            await withCheckedContinuation { watching.append((count, $0)) }
        }
    }

    private func ask() async throws(HostError) -> Int {
        try await reading.answer { [desk] () throws(HostError) in await desk.read() }
    }

    @Test func whoAsksMeanwhileSharesTheNext() async throws {
        async let first = ask()
        await desk.begins(1)
        // All of them ask after the first was begun, so its answer is too old for them.
        let later = (0..<4).map { _ in Task { try await ask() } }
        while reading.waiting < 4 { await Task.yield() }
        await desk.letGo()
        #expect(try await first == 1)
        await desk.letGo()
        for task in later { #expect(try await task.value == 2) }
        // Nobody waits: the next question has a reading of its own.
        await desk.letGo()
        #expect(try await ask() == 3)
        #expect(await desk.begun == 3)
    }

    @Test func whoIsCancelledWaitsNoLonger() async throws {
        let first = Task { try await ask() }
        await desk.begins(1)
        let other = Task { try await ask() }
        while reading.waiting < 1 { await Task.yield() }
        first.cancel()
        other.cancel()
        for task in [first, other] {
            await #expect(throws: HostError.deadline(call: "counting")) { try await task.value }
        }
        // The reading goes on, and nobody is kept from the next one.
        await desk.letGo()
        await desk.letGo()
        #expect(try await ask() == 2)
        let late = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await ask()
        }
        late.cancel()
        await #expect(throws: HostError.deadline(call: "counting")) { try await late.value }
    }

    @Test func aFailureIsEverybodys() async {
        let failing = SharedReading<Int>("failing")
        let tasks = (0..<3).map { _ in
            Task { try await failing.answer { () throws(HostError) in throw .unreachable("host a") } }
        }
        for task in tasks { await #expect(throws: HostError.unreachable("host a")) { try await task.value } }
    }
}
