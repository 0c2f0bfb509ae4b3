import Foundation
import Synchronization
import Testing

@testable import Hosts

@Suite struct LibvirtEventLoopTests {
    /// What the callbacks tell, by the pointer that libvirt hands through.
    private final class Probe: Sendable {
        let calls = Atomic<Int>(0)
        let freed = Atomic<Bool>(false)
    }

    private func eventually(_ condition: () -> Bool) async throws -> Bool {
        for _ in 0..<400 {
            if condition() { return true }
            try await Task.sleep(for: .milliseconds(5))
        }
        return false
    }

    private func start() throws -> LibvirtEventLoop {
        let loop = try #require(LibvirtEventLoop())
        Thread.detachNewThread { loop.run() }
        return loop
    }

    @Test func readableDescriptorsAreTold() async throws {
        let loop = try start()
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let probe = Probe()
        let watch = loop.addHandle(
            ends[0], 1,
            { _, descriptor, events, value in
                guard let value, events == 1 else { return }
                var byte: UInt8 = 0
                _ = read(descriptor, &byte, 1)
                Unmanaged<Probe>.fromOpaque(value).takeUnretainedValue().calls.add(1, ordering: .relaxed)
            }, Unmanaged.passUnretained(probe).toOpaque(),
            { value in
                guard let value else { return }
                Unmanaged<Probe>.fromOpaque(value).takeUnretainedValue().freed.store(true, ordering: .relaxed)
            })
        #expect(watch > 0)
        write(ends[1], "x", 1)
        #expect(try await eventually { probe.calls.load(ordering: .relaxed) == 1 })
        // Not while it is switched off, and again afterwards.
        loop.updateHandle(watch, 0)
        write(ends[1], "y", 1)
        try await Task.sleep(for: .milliseconds(50))
        #expect(probe.calls.load(ordering: .relaxed) == 1)
        loop.updateHandle(watch, 1)
        #expect(try await eventually { probe.calls.load(ordering: .relaxed) == 2 })
        #expect(loop.removeHandle(watch) == 0)
        #expect(try await eventually { probe.freed.load(ordering: .relaxed) })
        #expect(loop.removeHandle(watch) == -1)
        close(ends[0])
        close(ends[1])
        withExtendedLifetime(probe) {}
    }

    @Test func timersFireUntilSwitchedOff() async throws {
        let loop = try start()
        let probe = Probe()
        let timer = loop.addTimer(
            -1,
            { _, value in
                guard let value else { return }
                Unmanaged<Probe>.fromOpaque(value).takeUnretainedValue().calls.add(1, ordering: .relaxed)
            }, Unmanaged.passUnretained(probe).toOpaque(), nil)
        try await Task.sleep(for: .milliseconds(30))
        #expect(probe.calls.load(ordering: .relaxed) == 0)
        loop.updateTimer(timer, 5)
        #expect(try await eventually { probe.calls.load(ordering: .relaxed) >= 3 })
        #expect(loop.removeTimer(timer) == 0)
        try await Task.sleep(for: .milliseconds(30))
        let count = probe.calls.load(ordering: .relaxed)
        try await Task.sleep(for: .milliseconds(30))
        #expect(probe.calls.load(ordering: .relaxed) == count)
        withExtendedLifetime(probe) {}
    }
}
