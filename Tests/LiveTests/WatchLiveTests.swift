import Foundation
import Model
import Testing

extension LiveTests {
    /// A branch drives the fleet.
    @Suite struct WatchLiveTests {
        /// The example, at its full size: what its author sees, and that its guests find each other.
        @Test func theOfficeIsPushed() async throws {
            try await withWatched("office") { watched in
                let office = watched.fleet
                try await office.writeOffice()
                try await watched.installHook()
                try await watched.watching { _ in
                    let first = try await watched.commit("The office")
                    let pushed = try await watched.push()
                    #expect(pushed.status == 0, "\(pushed)")
                    var rest = Substring(pushed.error)
                    for text in [
                        "commit \(first.prefix(10)) is valid", "+ VirtualMachine/artist", "Plan: 11 to add",
                        "VirtualMachine/file-server: start: done", "commit \(first.prefix(10)): converged",
                    ] {
                        let found = try #require(rest.range(of: text), "\(text) in\n\(pushed)")
                        rest = rest[found.upperBound...]
                    }
                    #expect(try await Virsh.running() == Set(OfficeLiveTests.addresses.keys))
                    for last in [11, 12, 14] {
                        try await GuestConsole("artist", of: office).tells("artist reaches 10.20.0.\(last)")
                    }
                }
            }
        }

        @Test func aPushIsAnsweredUntilItsGuestsRun() async throws {
            try await withWatched("pushed") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7801)
                try fleet.writePolicy("prune: true, deletionBudget: 2")
                try fleet.writeMachine("one", address: 11)
                try await watched.installHook()
                try await watched.watching { watcher in
                    let first = try await watched.commit("The first")
                    let pushed = try await watched.push()
                    #expect(pushed.status == 0, "\(pushed)")
                    for text in [
                        "commit \(first.prefix(10)) is valid", "+ VirtualMachine/one", "Plan: 5 to add",
                        "VirtualMachine/one: start: done", "commit \(first.prefix(10)): converged",
                    ] { #expect(pushed.error.contains(text), "\(text) in\n\(pushed)") }
                    #expect(try await Virsh.running() == ["one"])

                    try fleet.writeMachine("two", address: 12)
                    try await watched.commit("Another")
                    #expect(try await watched.push().error.contains(": converged"))
                    #expect(try await Virsh.running() == ["one", "two"])

                    let process = try await Virsh.process("one")
                    try fleet.edit("one.yaml", "size: 64MiB", "size: 96MiB")
                    try await watched.commit("A bigger disk")
                    #expect(try await watched.push().error.contains("Volume/one.root: grow: done"))
                    #expect(try await Virsh.process("one") == process)
                    #expect(try await sh(#"virsh domblkinfo one vda | grep Capacity"#).contains("100663296"))

                    try fleet.remove("two.yaml")
                    try await watched.commit("One is enough")
                    let removed = try await watched.push()
                    #expect(removed.error.contains("VirtualMachine/two: undefine: done"), "\(removed)")
                    #expect(try await Virsh.all() == ["one"])

                    // The disk was kept: what the revert needs is what its plan says.
                    #expect(try await watched.git("revert", "--no-edit", "HEAD").status == 0)
                    let reverted = try await watched.push()
                    #expect(reverted.error.contains("say `reuse: true`"), "\(reverted)")
                    try fleet.edit("two.yaml", "image: tiny}", "image: tiny, reuse: true}")
                    try await watched.commit("With its data")
                    let back = try await watched.push()
                    #expect(back.error.contains(": converged"), "\(back)")
                    #expect(try await Virsh.running() == ["one", "two"])

                    let broken = fleet.manifests + "/two.yaml"
                    try fleet.edit("two.yaml", "memory:", "memroy:")
                    try await watched.commit("A slip")
                    let rejected = try await watched.push()
                    #expect(rejected.status != 0, "\(rejected) \(broken)")
                    #expect(rejected.error.contains("two.yaml:7:3: error[unknown-field]"), "\(rejected)")
                    #expect(rejected.error.contains("did you mean memory?"))
                    try await watched.git("reset", "-q", "--hard", "HEAD~1")

                    try fleet.edit("two.yaml", "reuse: true}", "reuse: true, deletion: delete}")
                    try await watched.commit("Disposable")
                    #expect(try await watched.push().error.contains(": converged"))
                    try fleet.remove("two.yaml")
                    try await watched.commit("With its disk")
                    let losing = try await watched.push()
                    #expect(losing.status != 0 && losing.error.contains("error[data-loss]"), "\(losing)")
                    #expect(try await Virsh.running() == ["one", "two"])
                    _ = watcher
                }
                let log = try await Program.run(Program.infra, ["log", "--state", "\(fleet.home)/state"])
                #expect(log.status == 0 && log.output.contains("One is enough"), "\(log)")
            }
        }

        @Test func whatCannotBeDoneIsRefusedWhole() async throws {
            try await withWatched("refused") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7802)
                try fleet.writePolicy("prune: true, deletionBudget: 1")
                for (index, name) in ["a", "b", "c"].enumerated() { try fleet.writeQuiet(name, address: 11 + index) }
                try watched.writeTrust()
                try await watched.watching("--trust", watched.trust) { watcher in
                    func isRefused(_ message: String, by signer: String? = "alice", _ code: String) async throws {
                        let commit = try await watched.commit(message, signedBy: signer)
                        try await watched.push()
                        let event = try await watcher.next("commitRefused", of: commit)
                        #expect(event.description.contains("\"code\":\"\(code)\""), "\(event)")
                        #expect(try await Virsh.all() == ["a", "b", "c"])
                        try await watched.git("reset", "-q", "--hard", "HEAD~1")
                        try await watched.push(force: true)
                    }
                    let first = try await watched.commit("Three", signedBy: "alice")
                    try await watched.push()
                    try await watcher.next("converged", of: first)
                    #expect(try await Virsh.all() == ["a", "b", "c"])

                    try fleet.remove("b.yaml")
                    try fleet.remove("c.yaml")
                    try await isRefused("Two less", "deletion-budget")
                    try fleet.remove("c.yaml")
                    try await isRefused("Unsigned", by: nil, "unsigned")
                    try fleet.remove("c.yaml")
                    try await isRefused("Somebody else", by: "mallory", "unsigned")
                    try fleet.edit("a.yaml", "cpu: 1", "cpu: 0")
                    try await isRefused("No CPU", "cpu-count")
                    try fleet.edit("a.yaml", "memory: 128MiB", "memory: 900GiB")
                    try await isRefused("Too much", "capacity")
                    for name in ["fleet", "a", "b", "c"] { try fleet.remove("\(name).yaml") }
                    try await isRefused("Nothing", "no-fleet")
                    try fleet.edit("fleet.yaml", "\(fleet.id.lowercased)", UUID().lowercased)
                    try await isRefused("Another fleet", "fleet-id")

                    try fleet.remove("c.yaml")
                    let last = try await watched.commit("One less", signedBy: "alice")
                    try await watched.push()
                    try await watcher.next("converged", of: last)
                    #expect(try await Virsh.all() == ["a", "b"])
                }
            }
        }

        @Test func olderCommitsAreHeldEvenWithoutAControllersDisk() async throws {
            try await withWatched("replayed") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7803)
                try fleet.writePolicy("prune: true")
                try fleet.writeQuiet("a", address: 11)
                let old = try await watched.commit("One")
                try fleet.writeQuiet("b", address: 12)
                let new = try await watched.commit("Two")
                try await watched.push()
                try await watched.watching { watcher in
                    try await watcher.next("converged", of: new)
                }
                #expect(try await Virsh.all() == ["a", "b"])

                try await sh(
                    #"rm -rf "$1/state"; git -C "$1/fleet.git" update-ref refs/heads/main "$2""#, fleet.home, old)
                try await watched.watching { watcher in
                    let held = try await watcher.next("commitHeld", of: old)
                    #expect(held.description.contains("--acknowledge \(old)"), "\(held)")
                    #expect(try await Virsh.all() == ["a", "b"])
                    // It is told again when it comes again.
                    try await sh(#"git -C "$1/fleet.git" update-ref refs/heads/main "$2""#, fleet.home, new)
                    try await watcher.next("commitArrived", of: new)
                    try await sh(#"git -C "$1/fleet.git" update-ref refs/heads/main "$2""#, fleet.home, old)
                    try await watcher.next("commitHeld", of: old)

                    try await watched.git("checkout", "-q", "--orphan", "other")
                    let unrelated = try await watched.commit("Another history")
                    try await watched.push(force: true)
                    try await watcher.next("commitHeld", of: unrelated)

                    try await sh(#"git -C "$1/fleet.git" update-ref refs/heads/main "$2""#, fleet.home, old)
                    let asked = try await Program.run(
                        Program.infra, ["reconcile", "--acknowledge", old, "--socket", watched.socket])
                    try await watcher.next("converged", of: old)
                    #expect(try await Virsh.all() == ["a"], "\(asked)")
                }
            }
        }

        @Test func aRestartGoesOnWithWhatTheHostsRemember() async throws {
            try await withWatched("restarted") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7807)
                try fleet.writePolicy("prune: true, deletionBudget: 1")
                for (index, name) in ["a", "b", "c"].enumerated() { try fleet.writeQuiet(name, address: 11 + index) }
                let good = try await watched.commit("Three")
                try await watched.push()
                try await watched.watching { watcher in try await watcher.next("converged", of: good) }
                // Refused for what it would do, not for what it says: only the hosts tell.
                try fleet.remove("b.yaml")
                try fleet.remove("c.yaml")
                let bad = try await watched.commit("One")
                try await watched.push()
                try await sh("virsh undefine a")
                try await watched.watching { watcher in
                    try await watcher.next("commitAccepted", of: good)
                    let refused = try await watcher.next("commitRefused", of: bad)
                    #expect(refused.description.contains("deletion-budget"), "\(refused)")
                    try await watcher.next("converged", of: good)
                    #expect(try await Virsh.all() == ["a", "b", "c"])
                }
            }
        }

        @Test func driftIsMendedOrOnlyTold() async throws {
            try await withWatched("drifting") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7804)
                try fleet.writeQuiet("a", address: 11)
                let first = try await watched.commit("One")
                try await watched.push()
                try await watched.watching { watcher in
                    try await watcher.next("converged", of: first)
                    try await sh("virsh undefine a")
                    try await watcher.next("converged", of: first)
                    #expect(try await Virsh.all() == ["a"])
                    let bridge = fleet.identity.bridgeName("net")
                    try await sh(#"ip link set "$1" mtu 1300"#, bridge)
                    try await watcher.next("converged", of: first)
                    #expect(try await sh(#"cat "/sys/class/net/$1/mtu""#, bridge) == "1450")

                    let suspended = try await Program.run(
                        Program.infra, ["suspend", "VirtualMachine/a", "--socket", watched.socket])
                    #expect(suspended.status == 0, "\(suspended)")
                    try await sh("virsh undefine a")
                    try await sh(#"ip link set "$1" mtu 1300"#, bridge)
                    try await watcher.next("converged", of: first)
                    #expect(try await Virsh.all() == [])
                    _ = try await Program.run(
                        Program.infra, ["resume", "VirtualMachine/a", "--socket", watched.socket])
                    try await watcher.next("stepDone", "converged", of: first)
                    #expect(try await Virsh.all() == ["a"])

                    try fleet.writePolicy("drift: report")
                    let second = try await watched.commit("Only tell")
                    try await watched.push()
                    try await watcher.next("converged", of: second)
                    try await sh("virsh undefine a")
                    let told = try await watcher.next("driftReported", of: second)
                    #expect(
                        told.description.contains("VirtualMachine/a") || told.description.contains("\"a\""), "\(told)")
                    #expect(try await Virsh.all() == [])
                }
            }
        }

        @Test func oneOfTwoWatchersWorks() async throws {
            try await withWatched("two") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7805)
                try fleet.writeQuiet("a", address: 11)
                let first = try await watched.commit("One")
                try await watched.push()
                try await watched.watching { one in
                    try await one.next("converged", of: first)
                    try await watched.watching(state: "state-2", socket: watched.socket + "2") { two in
                        let standing = try await two.next("standingBy")
                        #expect(await standing.description.contains("pid \(one.id) "), "\(standing)")
                        await one.send(SIGKILL)
                        try await two.next("leading")
                        try fleet.writeQuiet("b", address: 12)
                        let second = try await watched.commit("Two")
                        try await watched.push()
                        try await two.next("converged", of: second)
                        #expect(try await Virsh.all() == ["a", "b"])
                    }
                }
            }
        }
    }
}
