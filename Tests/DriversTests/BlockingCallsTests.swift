import Foundation
import Synchronization
import Testing

@testable import Hosts

@Suite struct BlockingCallsTests {
    @Test func valuesAndErrorsComeBack() async throws {
        let calls = BlockingCalls(threads: 2)
        let value = try await calls.run("value", deadline: .seconds(5)) { 42 }
        #expect(value == 42)
        await #expect(throws: HostError.surprise("x")) {
            try await calls.run("error", deadline: .seconds(5)) { () throws(HostError) -> Int in throw .surprise("x") }
        }
    }

    @Test func aDeadlineLeavesTheThreadBehindAndThePoolAlive() async throws {
        let calls = BlockingCalls(threads: 1)
        let release = DispatchSemaphore(value: 0)
        await #expect(throws: HostError.deadline(call: "stuck")) {
            try await calls.run("stuck", deadline: .milliseconds(50)) { release.wait() }
        }
        // The only thread is still in the call; another has its place.
        let value = try await calls.run("next", deadline: .seconds(5)) { 1 }
        #expect(value == 1)
        release.signal()
        let after = try await calls.run("after", deadline: .seconds(5)) { 2 }
        #expect(after == 2)
    }

    @Test func theEndOfTheCallerMayBeTheEnd() async throws {
        let calls = BlockingCalls(threads: 1)
        let (begun, release) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let work = Task {
            try await calls.run("stuck", deadline: .seconds(600), endsWhenCancelled: true) {
                begun.signal()
                release.wait()
            }
        }
        try await BlockingCalls(threads: 1).run("begun", deadline: .seconds(60)) { begun.wait() }
        work.cancel()
        await #expect(throws: HostError.deadline(call: "stuck")) { try await work.value }
        release.signal()
    }

    @Test func whatNeverGotAThreadDoesNotRun() async throws {
        let calls = BlockingCalls(threads: 1)
        let release = DispatchSemaphore(value: 0)
        let ran = Flag()
        async let first: Void = calls.run("first", deadline: .seconds(5)) { release.wait() }
        try await Task.sleep(for: .milliseconds(50))
        await #expect(throws: HostError.deadline(call: "queued")) {
            try await calls.run("queued", deadline: .milliseconds(50)) { ran.set() }
        }
        release.signal()
        try await first
        _ = try await calls.run("last", deadline: .seconds(5)) { 0 }
        #expect(!ran.isSet)
    }

    @Test func callsRunSideBySide() async throws {
        let calls = BlockingCalls(threads: 8)
        let barrier = DispatchSemaphore(value: 0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<8 {
                group.addTask {
                    try await calls.run("\(index)", deadline: .seconds(5)) {
                        // The last one lets the others go.
                        if index == 7 { for _ in 0..<7 { barrier.signal() } } else { barrier.wait() }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func manyCallsKeepTheirResults() async throws {
        let calls = BlockingCalls(threads: 4)
        let values = try await withThrowingTaskGroup(of: (Int, Int).self) { group in
            for index in 0..<1000 {
                group.addTask { (index, try await calls.run("n", deadline: .seconds(20)) { index * index }) }
            }
            return try await group.reduce(into: [Int: Int]()) { $0[$1.0] = $1.1 }
        }
        #expect(values.count == 1000 && values.allSatisfy { $0.value == $0.key * $0.key })
    }
}

private final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
