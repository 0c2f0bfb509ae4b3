import Foundation
import Model
import TestSupport
import Testing

extension LiveTests {
    /// What a watcher does beside commits: leaves alone what it is told to, says what it cannot do, and costs next to
    /// nothing while nothing happens.
    @Suite struct WatchDutyLiveTests {
        @Test func whatIsSuspendedWhileAnApplyRunsIsNotBegun() async throws {
            try await withWatched("midrun") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7820)
                try fleet.writePolicy("unattended: restart")
                try fleet.writeDeaf("a", address: 11)
                try fleet.writeQuiet("b", address: 12)
                let first = try await watched.commit("Two")
                try await watched.push()
                try await watched.watching("--parallelism", "1", "--grace", "8s") { watcher in
                    try await watcher.next("converged", of: first)
                    try fleet.edit("a.yaml", "memory: 128MiB", "memory: 160MiB")
                    try fleet.edit("b.yaml", "cpu: 1", "cpu: 2")
                    let second = try await watched.commit("Both change")
                    try await watched.push()
                    try await watcher.step("stepStarted", "VirtualMachine/a/restart")
                    let suspended = try await Program.run(
                        Program.infra, ["suspend", "VirtualMachine/b", "--socket", watched.socket])
                    #expect(suspended.status == 0, "\(suspended)")
                    let skipped = try await watcher.step("stepSkipped", "VirtualMachine/b/update")
                    #expect(skipped.description.contains("suspended by `infra suspend`"), "\(skipped)")
                    try await watcher.next("converged", of: second)
                    #expect(try await cpus("a", "b") == "1 1")
                    #expect(try await Virsh.definition("a").contains("<memory unit='KiB'>163840</memory>"))
                    _ = try await Program.run(
                        Program.infra, ["resume", "VirtualMachine/b", "--socket", watched.socket])
                    try await watcher.next("stepDone", "converged", of: second)
                    #expect(try await cpus("a", "b") == "1 2")
                }
            }
        }

        private func cpus(_ one: String, _ two: String) async throws -> String {
            try await sh(
                #"for d in "$@"; do virsh vcpucount --maximum --config "$d"; done | xargs"#, one, two)
        }

        @Test func aCommitThatCannotBeRememberedIsTold() async throws {
            try await withWatched("unmarked") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7821)
                try fleet.writePolicy("unattended: off")
                try fleet.writeQuiet("a", address: 11)
                let roster = "/var/lib/infra/\(fleet.id.lowercased).json"
                // Where the roster's next text would go lies something else.
                try await sh(#"mkdir "$1.staged""#, roster)
                let first = try await watched.commit("One")
                try await watched.push()
                try await watched.watching { watcher in
                    let failed = try await watcher.next("notConverged", of: first)
                    #expect(failed.description.contains(".json.staged"), "\(failed)")
                    #expect(try await sh(#"[[ -e "$1" ]] || echo none"#, roster) == "none")
                    try await sh(#"rmdir "$1.staged""#, roster)
                    let asked = try await Program.run(Program.infra, ["reconcile", "--socket", watched.socket])
                    #expect(asked.status <= 1, "\(asked)")
                    #expect(try await sh(#"jq -r .commit.commit "$1""#, roster) == first)
                    #expect(try await Virsh.all() == [])
                }
            }
        }

        /// A poll that finds nothing reads no host and starts nothing but the one process that asks the repository; what
        /// happens to somebody else's domain is looked at alone.
        @Test func nothingHappensWhileNothingHappens() async throws {
            try await withWatched("idle") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7822)
                try fleet.writeQuiet("a", address: 11)
                let first = try await watched.commit("One")
                try await watched.push()
                try await watched.watching("--listen", "127.0.0.1:7822") { watcher in
                    try await watcher.next("converged", of: first)
                    let before = try await settled()
                    let processes = try lastProcess()
                    // There is nothing to wait for: nothing is what happens.
                    try await Task.sleep(for: .seconds(6))
                    let started = try lastProcess() - processes
                    let after = try await metrics()
                    #expect(after.whole == before.whole && after.event == before.event, "\(before) \(after)")
                    let polls = after.polls - before.polls
                    let text = "\(started) processes and threads in \(polls) polls"
                    print("idle: " + text)
                    // Each asks the repository in a process of its own. Reading a host takes ten.
                    #expect(polls > 0 && started <= 2 * polls + 4, "\(text)")

                    try await sh(
                        #"""
                        virsh define /dev/stdin >/dev/null <<'XML'
                        <domain type='qemu'><name>passer-by</name><memory>65536</memory><os><type>hvm</type></os></domain>
                        XML
                        virsh undefine passer-by >/dev/null
                        """#)
                    var told = after
                    while told.event == after.event, told.polls < after.polls + 60 {
                        told = try await metrics(polls: told.polls + 1)
                    }
                    #expect(told.event > after.event, "\(after) \(told)")
                    #expect(told.whole == after.whole, "\(after) \(told)")
                    // What makes a difference is mended all the same.
                    try await sh("virsh undefine a")
                    try await watcher.next("stepDone", "converged", of: first)
                    #expect(try await Virsh.all() == ["a"])
                }
            }
        }

        /// libvirt tells nobody that a pool no longer starts with its host: only the look at everything finds it.
        @Test func whatNoEventToldIsFoundAndCounted() async throws {
            try await withWatched("missed") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7838)
                try fleet.writeQuiet("a", address: 11)
                let first = try await watched.commit("One")
                try await watched.push()
                try await watched.watching("--resync", "6s", "--listen", "127.0.0.1:7822") { watcher in
                    try await watcher.next("converged", of: first)
                    let pool = "infra-\(fleet.identity.fleet8)-disks"
                    #expect(try await settled().missed == 0)
                    try await sh(#"virsh pool-autostart "$1" --disable"#, pool)
                    let missed = try await watcher.next("eventsMissed")
                    #expect(missed.description.contains("StoragePool"), "\(missed)")
                    try await watcher.next("converged", of: first)
                    #expect(try await sh(#"virsh pool-info "$1" | grep Autostart"#, pool).hasSuffix("yes"))
                    #expect(try await metrics().missed == 1)
                }
            }
        }

        /// The watcher's counters once it looks at no host any more: what hosts tell of our own steps comes a moment later.
        private func settled() async throws -> WatcherMetrics {
            var before = try await metrics()
            for _ in 0..<15 {
                let after = try await metrics(polls: before.polls + 4)
                if after.whole == before.whole, after.event == before.event { return after }
                before = after
            }
            throw Failure("the hosts are looked at all the time: \(before)")
        }

        private func metrics(polls: Int = 0) async throws -> WatcherMetrics {
            try await WatcherMetrics.read(port: 7822, polls: polls)
        }

        /// The number that the kernel gave the last process of this host: it counts up (proc_sys_kernel(5)).
        private func lastProcess() throws -> Int {
            let text = try String(contentsOfFile: "/proc/sys/kernel/ns_last_pid", encoding: .utf8)
            return try #require(Int(text.trimmingCharacters(in: .newlines)))
        }
    }
}

extension RunningWatcher {
    /// Waits for an event of a step whose id ends so.
    @discardableResult func step(_ what: String, _ id: String) async throws -> Event {
        while true {
            let event = try await next("applying")
            if event.description.contains("\"\(what)\""), event.description.contains(id) {
                return event
            }
        }
    }
}
