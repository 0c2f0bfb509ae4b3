import Foundation
import TestSupport
import Testing

extension LiveTests {
    /// Pushes that are judged, that come another way than through the hook, and whose author goes away.
    @Suite struct WatchPushLiveTests {
        @Test func whatAPushMayNotDoNoOtherWayDoes() async throws {
            try await withWatched("pushes") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7824)
                try fleet.writePolicy("prune: true, deletionBudget: 1")
                for (index, name) in ["a", "b", "c"].enumerated() { try fleet.writeQuiet(name, address: 11 + index) }
                try fleet.edit("a.yaml", "image: tiny}", "image: tiny, deletion: delete}")
                try await watched.installHook()
                try await watched.watching { watcher in
                    let first = try await watched.commit("Three")
                    try await watched.push()
                    try await watcher.next("converged", of: first)

                    for (files, code, words) in [
                        (["b", "c"], "deletion-budget", "removes 2 resources, at most 1"),
                        (["a"], "data-loss", "the data of Volume/a.root"),
                    ] {
                        for file in files { try fleet.remove("\(file).yaml") }
                        let commit = try await watched.commit("Less")
                        let pushed = try await watched.push()
                        #expect(pushed.status != 0 && pushed.error.contains("error[\(code)]: \(words)"), "\(pushed)")
                        #expect(pushed.error.contains("pre-receive hook declined"), "\(pushed)")
                        #expect(try await branch(watched) == first)
                        // As by a hook that was taken away, or by who may write the repository's files.
                        try await sh(
                            #"git -C "$1" fetch -q "$2" "+HEAD:refs/heads/main""#, watched.repository, fleet.manifests)
                        let refused = try await watcher.next("commitRefused", of: commit)
                        #expect(refused.description.contains("\"code\":\"\(code)\""), "\(refused)")
                        // Nothing of it is done, at the next look at everything either: what was in force stays so.
                        let asked = try await Program.run(Program.infra, ["reconcile", "--socket", watched.socket])
                        #expect(asked.output.contains("commit \(first.prefix(10)): converged"), "\(asked)")
                        #expect(try await Virsh.all() == ["a", "b", "c"])
                        let disks = try await sh(#"cd "$1"; ls | grep -c '^[abc]\.root\.'"#, fleet.pool)
                        #expect(disks == "3")
                        try await watched.git("reset", "-q", "--hard", first)
                        try await sh(#"git -C "$1" update-ref refs/heads/main "$2""#, watched.repository, first)
                        try await watcher.next("commitArrived", of: first)
                    }
                }
            }
        }

        /// Ctrl-C ends git and all that it started, the hook as well; the watcher does not notice.
        @Test func whoPushesMayGoAway() async throws {
            try await withWatched("away") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7825)
                try fleet.writePolicy("unattended: restart")
                try fleet.writeDeaf("a", address: 11)
                try await watched.installHook()
                try await watched.watching("--grace", "5s") { watcher in
                    let first = try await watched.commit("One")
                    try await watched.push()
                    try await watcher.next("converged", of: first)
                    try fleet.edit("a.yaml", "memory: 128MiB", "memory: 160MiB")
                    let second = try await watched.commit("More memory")
                    // In a process group of its own, as at a terminal.
                    let push = try TestServer(
                        "/bin/bash",
                        [
                            "-c",
                            #"""
                            set -m
                            git -C "$1" push -q origin HEAD:main &
                            echo "group $!."
                            wait $!
                            echo "ended with $?"
                            """#, "bash", fleet.manifests,
                        ])
                    try await watcher.step("stepStarted", "VirtualMachine/a/restart")
                    try await push.says("VirtualMachine/a: restart")
                    let found = push.text.firstMatch(of: /group ([0-9]+)\./).flatMap { pid_t($0.output.1) }
                    let group = try #require(found)
                    #expect(kill(-group, SIGINT) == 0)
                    try await push.says("ended with 130")
                    #expect(!push.text.contains("converged"), "\(push.text)")
                    try await watcher.next("converged", of: second)
                    // Nobody of that group is left.
                    #expect(kill(-group, 0) == -1 && errno == ESRCH)
                    #expect(try await Virsh.running() == ["a"])
                    #expect(try await Virsh.definition("a").contains("<memory unit='KiB'>163840</memory>"))
                    await push.end()
                }
            }
        }

        /// The fleet is a folder of a repository that has more: what lies beside it is nobody's business.
        @Test func aFolderOfTheRepository() async throws {
            try await withWatched("folder") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7826)
                try fleet.writeQuiet("a", address: 11)
                try await sh(#"cd "$1"; mkdir -p fleets/office; mv -- *.yaml fleets/office"#, fleet.manifests)
                try fleet.write("other.yaml", "apiVersion: infra/v1\nkind: Volum\n")
                let installed = try await Program.run(
                    Program.infra,
                    ["hook", "install", watched.repository, "--socket", watched.socket, "--path", "fleets/office"])
                #expect(installed.status == 0, "\(installed)")
                try await watched.watching("--path", "fleets/office") { watcher in
                    let first = try await watched.commit("One")
                    let pushed = try await watched.push()
                    #expect(pushed.status == 0 && pushed.error.contains("+ VirtualMachine/a"), "\(pushed)")
                    #expect(pushed.error.contains("commit \(first.prefix(10)): converged"), "\(pushed)")
                    #expect(try await Virsh.all() == ["a"])
                    try await watcher.next("converged", of: first)

                    try fleet.edit("fleets/office/a.yaml", "memory:", "memroy:")
                    try await watched.commit("A slip")
                    let rejected = try await watched.push()
                    #expect(
                        rejected.status != 0 && rejected.error.contains("a.yaml:7:3: error[unknown-field]"),
                        "\(rejected)")
                    try await watched.git("reset", "-q", "--hard", first)
                    // Two watchers of one repository, each with a folder of its own, have a paragraph each.
                    let note = try await sh(
                        #"git -C "$1" log -1 --notes=infra --format=%N "$2""#, watched.repository, first)
                    #expect(note.contains("source: main:fleets/office\n"), "\(note)")

                    try fleet.edit("other.yaml", "Volum", "Volumn")
                    let beside = try await watched.commit("Beside it")
                    #expect(try await watched.push().status == 0)
                    try await watcher.next("converged", of: beside)
                }
                // Without it the folder above is read, which is no fleet.
                try await watched.watching(state: "state-2") { watcher in
                    let head = try await watched.head()
                    let refused = try await watcher.next("commitRefused", of: head)
                    #expect(refused.description.contains("other.yaml"), "\(refused)")
                }
            }
        }

        /// An object of the watcher's own copy is cut off, which libgit2 would read for ever.
        @Test func theOwnCopyIsDamaged() async throws {
            try await withWatched("copy") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7827)
                try fleet.writeQuiet("a", address: 11)
                let first = try await watched.commit("One")
                try await watched.push()
                let port = try TestServer.freePort()
                try await watched.watching("--git-timeout", "4s", "--listen", "127.0.0.1:\(port)") { watcher in
                    try await watcher.next("converged", of: first)
                    let copy = try await sh(#"ls -d "$1"/state/*.git"#, fleet.home)
                    // What was fetched as a pack, each object in a file of its own, one of them cut.
                    try await sh(
                        #"""
                        blob=$(git -C "$1" rev-parse "$2:a.yaml")
                        mkdir "$3/packs"
                        mv "$1"/objects/pack/* "$3/packs"
                        for pack in "$3"/packs/*.pack; do git -C "$1" unpack-objects -q <"$pack"; done
                        file=$1/objects/${blob:0:2}/${blob:2}
                        chmod u+w "$file"
                        truncate -s 60 "$file"
                        """#, copy, first, fleet.home)
                    try fleet.writeQuiet("b", address: 12)
                    let second = try await watched.commit("Two")
                    try await watched.push()
                    try await watcher.next("repositoryFailed")
                    let health = try await sh(#"curl -s "http://127.0.0.1:$1/healthz""#, "\(port)")
                    #expect(
                        health.contains(#""alive":true"#) && health.contains(#""repository":"failing""#), "\(health)")
                    #expect(try await Virsh.all() == ["a"])
                    try await watcher.next("repositoryRecovered")
                    try await watcher.next("converged", of: second)
                    #expect(try await Virsh.all() == ["a", "b"])
                    let well = try await sh(#"curl -s "http://127.0.0.1:$1/healthz""#, "\(port)")
                    #expect(well.contains(#""repository":"ok""#), "\(well)")
                    try await sh(#"git -C "$1" fsck --strict"#, copy)
                }
            }
        }

        private func branch(_ watched: WatchedFleet) async throws -> String {
            try await sh(#"git -C "$1" rev-parse refs/heads/main"#, watched.repository)
        }
    }
}
