import Foundation
import TestSupport
import Testing

@testable import Hosts

@Suite(.enabled(if: Lab.isHere), .serialized, .timeLimit(.minutes(3))) struct HostEventsLiveTests {
    private let deadline = Duration.seconds(20)

    private func descriptors() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    }

    /// Reads until every wanted event came, in any order.
    private func await_(
        _ wanted: Set<String>, _ iterator: inout AsyncStream<HostEvent>.AsyncIterator
    ) async -> Set<String> {
        var missing = wanted
        while !missing.isEmpty, let event = await iterator.next() {
            switch event {
            case .machine(_, "events", let change): missing.remove("\(change)")
            case .pool(_, "events", let change): missing.remove("pool \(change)")
            case .link("ievents0", let isThere): missing.remove("link \(isThere)")
            default: break
            }
        }
        return missing
    }

    @Test func whatHappensIsTold() async throws {
        let scratch = try Scratch()
        // The event loop and what runs programs keep descriptors of their own for the whole process.
        _ = try await HostEvents.stream(deadline: deadline)
        try await shell("true", [])
        try await Task.sleep(for: .milliseconds(300))
        let before = try descriptors()
        do {
            let stream = try await HostEvents.stream(deadline: deadline)
            var iterator = stream.makeAsyncIterator()
            let domain = try scratch.write(
                "domain.xml",
                """
                <domain type='qemu'><name>events</name><memory unit='MiB'>32</memory><os><type>hvm</type></os>
                <devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices></domain>
                """)
            try await shell("virsh", ["define", domain])
            try await shell("virsh", ["start", "events"])
            try await shell("virsh", ["suspend", "events"])
            try await shell("virsh", ["resume", "events"])
            try await shell("virsh", ["reset", "events"])
            try await shell("virsh", ["metadata", "events", "--uri", "u:test", "--key", "k", "--set", "<a/>"])
            let missing = await await_(
                ["defined", "started", "suspended", "resumed", "rebooted", "metadataChanged"], &iterator)
            #expect(missing.isEmpty, "\(missing)")
            try await shell("virsh", ["destroy", "events"])
            try await shell("virsh", ["undefine", "events"])
            try await shell("virsh", ["pool-create-as", "events", "dir", "--target", scratch.url.path])
            try await shell("virsh", ["pool-destroy", "events"])
            try await shell("ip", ["link", "add", "ievents0", "type", "bridge"])
            try await shell("ip", ["link", "set", "ievents0", "up"])
            try await shell("ip", ["link", "del", "ievents0"])
            let later = await await_(
                ["stopped", "undefined", "pool started", "pool stopped", "link true", "link false"], &iterator)
            #expect(later.isEmpty, "\(later)")
        }
        // Everything of the stream goes with it: the connection's socket and netlink's.
        var left = 0
        for _ in 0..<200 {
            left = try descriptors() - before
            if left <= 0 { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(left <= 0, "\(left) descriptors")
    }

    @Test func aDeadLibvirtIsTold() async throws {
        let stream = try await HostEvents.stream(deadline: deadline)
        let pid = try String(contentsOfFile: "/run/libvirtd.pid", encoding: .utf8).trimmingCharacters(in: .newlines)
        try await shell("kill", ["-9", pid])
        var events: [HostEvent] = []
        for await event in stream { events.append(event) }
        #expect(events.last == .lost(reason: "libvirt ended"), "\(events)")
        try await shell("libvirtd", ["-d"])
        for _ in 0..<200 {
            if (try? await HostEvents.stream(deadline: deadline)) != nil { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("libvirtd did not come back")
    }

    /// The target that the callbacks hold goes when the stream is ended: every reference is given back.
    @Test func endedStreamsLeaveNothing() async throws {
        _ = try await HostEvents.stream(deadline: deadline)
        try await Task.sleep(for: .milliseconds(300))
        let before = try descriptors()
        for _ in 0..<30 { _ = try await HostEvents.stream(deadline: deadline) }
        var after = Int.max
        for _ in 0..<200 where after > before {
            after = try descriptors()
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(after <= before)
    }
}
