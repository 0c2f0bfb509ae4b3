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
                // Without a system, it takes all of its grace to stop.
                try fleet.writeMachine("a", address: 11)
                try fleet.edit("a.yaml", ", image: tiny", "")
                try fleet.edit("a.yaml", "cloudInit: {}", "")
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
                    // What hosts tell of our own steps comes a moment later.
                    var before = try await metrics()
                    var settled = before
                    repeat {
                        before = settled
                        settled = try await metrics(polls: before.polls + 4)
                    } while settled.whole + settled.event != before.whole + before.event
                    before = settled
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

        private struct Metrics: Sendable {
            var polls = 0
            var whole = 0
            var event = 0
        }

        /// The watcher's counters, once it has polled that often.
        private func metrics(polls: Int = 0) async throws -> Metrics {
            while true {
                var metrics = Metrics()
                let text = try await sh("curl -fsS http://127.0.0.1:7822/metrics")
                func value(_ name: String) -> Int {
                    text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
                        .flatMap { Int($0.dropFirst(name.count + 1)) } ?? -1
                }
                metrics.polls = value(#"infra_git_polls_total{result="ok"}"#)
                metrics.whole = value(#"infra_host_reads_total{scope="all"}"#)
                metrics.event = value(#"infra_host_reads_total{scope="event"}"#)
                guard metrics.polls < polls else { return metrics }
                try await Task.sleep(for: .milliseconds(500))
            }
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
