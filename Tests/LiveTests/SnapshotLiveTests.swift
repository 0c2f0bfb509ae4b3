import Foundation
import Model
import Testing

extension LiveTests {
    /// What disks hold at a moment is kept, and comes back.
    @Suite struct SnapshotLiveTests {
        /// Writes one number to both disks, first to `root`, which the guest sees behind `data`, again and again: at no moment is
        /// `data` ahead.
        private static let counting =
            "(n=100000; while true; do n=$((n+1)); for d in vdb vda; do "
            + "echo $n | dd of=/dev/$d bs=512 seek=100000 conv=notrunc,sync,fsync 2>/dev/null; done; "
            + "echo $n >/run/count; done) & echo infra-guest: counting"

        /// Both disks of a guest that goes on counting are kept as they were at one moment, and come back as another machine's.
        @Test func aRunningMachineIsKeptAtOneMoment() async throws {
            try await withFleet("snapshot") { fleet in
                let console = try await countingMachine(fleet, vni: 7791)
                let process = try await Virsh.process("origin")
                let first = try await count(console)
                try fleet.write("kept.yaml", Self.snapshot("kept", "machine: origin, pool: kept"))
                let plan = try await fleet.infra("plan")
                #expect(plan.output.contains("never taken, of VirtualMachine/origin, which goes on"), "\(plan)")
                let kept = try await fleet.apply()
                #expect(kept.status == 0 && kept.lastLine == "No changes.", "\(kept)")
                #expect(try await Virsh.process("origin") == process)
                let last = try await count(console)

                let numbers = try await numbers(fleet, folder: fleet.home + "/kept", "kept.*")
                #expect(numbers.data >= first && numbers.root <= last + 1, "\(first) \(numbers) \(last)")
                #expect(numbers.root == numbers.data || numbers.root == numbers.data + 1, "\(numbers)")
                #expect(try await numbers == self.numbers(fleet, folder: fleet.home + "/kept", "kept.*"))
                #expect(try await sh("virsh domjobinfo origin | grep -c 'Job type: *None'") == "1")
                let listed = try await fleet.infra("get", "Snapshot/kept")
                #expect(listed.output.split(separator: "\n").count == 3, "\(listed)")

                // The machine counts on; what was kept comes back as it was, larger where that is said.
                try fleet.write(
                    "restored.yaml",
                    """
                    apiVersion: infra/v1
                    kind: Volume
                    metadata: {name: restored}
                    spec: {pool: disks, size: 80MiB, from: {snapshot: kept, disk: root, clone: full}}
                    ---
                    apiVersion: infra/v1
                    kind: VirtualMachine
                    metadata: {name: restored}
                    spec:
                      cpu: 1
                      memory: 128MiB
                      disks:
                        - {name: root, volume: restored}
                        - {name: data, pool: disks, size: 64MiB, from: {snapshot: kept, clone: full}}
                      interfaces: [{name: eth0, network: net, address: 10.77.0.12}]
                      cloudInit: {}

                    """)
                let restored = try await fleet.apply()
                #expect(restored.status == 0 && restored.lastLine == "No changes.", "\(restored)")
                let again = GuestConsole("restored", of: fleet)
                try await again.tells("restored up 10.77.0.12")
                try await again.tells("vdb \(80 << 20)")
                // After this it tells nothing by itself that would break what is typed.
                try await again.tells("restored reaches 10.77.0.11")
                let seen = again.lines().count
                try await again.type(
                    "for d in vda vdb; do set -- $(dd if=/dev/$d bs=512 skip=100000 count=1 2>/dev/null); "
                        + "echo infra-guest: $d has $1; done")
                try await again.tells("vda has \(numbers.data)", after: seen)
                try await again.tells("vdb has \(numbers.root)", after: seen)

                // What is kept outlives the snapshot.
                try fleet.remove("kept.yaml")
                try fleet.edit("restored.yaml", ", from: {snapshot: kept, disk: root, clone: full}", "")
                try fleet.edit("restored.yaml", ", from: {snapshot: kept, clone: full}", "")
                let left = try await fleet.apply()
                #expect(left.status == 0 && left.lastLine == "No changes.", "\(left)")
                #expect(try await self.numbers(fleet, folder: fleet.home + "/kept", "kept.*") == numbers)
            }
        }

        /// A run that ends in the middle leaves nothing that counts, nor a job; the guest goes on, and the next run takes all anew.
        @Test func aSnapshotThatIsCutOffIsTakenAnew() async throws {
            try await withFleet("cutsnapshot") { fleet in
                // As much as takes a while to write at that rate.
                try await sh(#"head -c 192M /dev/urandom >"$1/noise.raw""#, fleet.files)
                let console = try await countingMachine(fleet, vni: 7792) {
                    $0.replacing(
                        "size: 64MiB, format: raw", with: "size: 192MiB, format: raw, image: noise, clone: full")
                }
                try fleet.edit(
                    "fleet.yaml", "}\n---\napiVersion: infra/v1\nkind: Host",
                    "}\nspec: {migration: {bandwidth: 80Mbit}}\n---\napiVersion: infra/v1\nkind: Host")
                try fleet.write("kept.yaml", Self.snapshot("kept", "machine: origin"))
                let killed = try await fleet.watch("apply", []) { event, process in
                    if event.what == .stepProgress { process.send(SIGKILL) }
                }
                #expect(killed.status == 128 + Int(SIGKILL), "\(killed)")
                #expect(try await sh("virsh backup-dumpxml origin | grep -c staged") == "2")
                #expect(try await sh(#"ls "$1" | grep -c '^kept.*staged'"#, fleet.pool) == "2")
                let first = try await count(console)
                try fleet.edit("fleet.yaml", "\nspec: {migration: {bandwidth: 80Mbit}}", "")
                let next = try await fleet.apply("--lock-timeout", "60s")
                #expect(next.status == 0 && next.lastLine == "No changes.", "\(next)")
                #expect(try await sh(#"ls "$1" | grep -c staged || true"#, fleet.pool) == "0")
                let numbers = try await numbers(fleet, folder: fleet.pool, "kept.*")
                #expect(numbers.data >= first && numbers.root - numbers.data <= 1, "\(first) \(numbers)")
                #expect(try await count(console) >= numbers.data)
            }
        }

        /// What is off is copied, and a part that the last run did not name is named.
        @Test func whatIsOffIsKeptWhole() async throws {
            try await withFleet("offsnapshot") { fleet in
                try fleet.writeBase(vni: 7793)
                try fleet.writeMachine("origin", address: 11, "power: stopped")
                try fleet.edit(
                    "origin.yaml", "image: tiny}", "image: tiny}\n    - {name: data, pool: disks, size: 64MiB}")
                #expect(try await fleet.apply().lastLine == "No changes.")
                try fleet.write("kept.yaml", Self.snapshot("kept", "machine: origin"))
                let kept = try await fleet.apply()
                #expect(kept.status == 0 && kept.lastLine == "No changes.", "\(kept)")
                for disk in ["root", "data"] {
                    try await sh(
                        #"qemu-img compare "$1"/kept.*."$2".*.qcow2 "$1"/origin."$2".*.qcow2"#, fleet.pool, disk)
                }
                #expect(try await sh(#"stat -c %a "$1"/kept.*.root.*"#, fleet.pool) == "400")
                // As a run leaves it that is killed between the first name and the last.
                try await sh(
                    #"set -- "$1"/kept.*.root.*.qcow2; setfattr -x user.infra "$1"; mv "$1" "$1.staged""#, fleet.pool)
                let named = try await fleet.apply()
                #expect(named.status == 0 && named.lastLine == "No changes.", "\(named)")
                #expect(named.output.contains("all of it was there when a run was interrupted"), "\(named)")
                try await sh(#"qemu-img compare "$1"/kept.*.root.*.qcow2 "$1"/origin.root.*.qcow2"#, fleet.pool)
                #expect(try await fleet.infra("plan").lastLine == "No changes.")
            }
        }

        /// What is due is taken by the next run and by a watcher; the oldest goes for it, where the policy says so.
        @Test func aScheduleKeepsSoMany() async throws {
            try await withWatched("nightly") { watched in
                let fleet = watched.fleet
                try fleet.writeBase(vni: 7794)
                try fleet.writeQuiet("origin", address: 11)
                let schedule = "machine: origin, schedule: {every: 24h}, keep: 2"
                try fleet.write("nightly.yaml", Self.snapshot("nightly", schedule))
                #expect(try await fleet.apply().lastLine == "No changes.")
                let first = try await moments(fleet)
                #expect(first.count == 1)
                #expect(try await fleet.infra("plan").lastLine == "No changes.")

                // A day later it is due. Nothing goes that is within what it keeps, and nothing beyond without a word.
                try await age(fleet, seconds: 86_400)
                for (count, pause) in [(2, 86_400), (3, 86_390)] {
                    let taken = try await fleet.apply()
                    #expect(taken.status == 0 && taken.lastLine == "No changes.", "\(taken)")
                    #expect(try await moments(fleet).count == count)
                    #expect(taken.output.contains("has 1 more than the 2 that it keeps") == (count > 2), "\(taken)")
                    try await age(fleet, seconds: pause)
                }
                let old = try await moments(fleet)
                try fleet.writePolicy("rotateSnapshots: true")
                let commit = try await watched.commit("Rotate")
                try await watched.push()
                try await watched.watching { watcher in
                    // In some seconds it is due, and nobody says so.
                    repeat { try await watcher.next("converged", of: commit) } while try await moments(fleet) == old
                    let now = try await moments(fleet)
                    #expect(now.count == 2 && now[0] == old[2], "\(old) \(now)")
                    try await age(fleet, seconds: 86_400)
                    let asked = try await Program.run(Program.infra, ["reconcile", "--socket", watched.socket])
                    #expect(asked.status == 0, "\(asked)")
                    let next = try await moments(fleet)
                    let aged = Moment(now[1])?.adding(-86_400).word
                    #expect(next.count == 2 && next[0] == aged && next[1] >= now[1], "\(now) \(next)")
                }
                // What the manifests ask for goes at once where data may be lost.
                try fleet.edit("nightly.yaml", "keep: 2", "keep: 1")
                let asked = try await fleet.apply("--allow", "data-loss")
                #expect(asked.status == 0 && asked.lastLine == "No changes.", "\(asked)")
                #expect(try await moments(fleet).count == 1)
            }
        }

        /// When the fleet's snapshot was taken, by the names of its files, the oldest first.
        private func moments(_ fleet: TestFleet) async throws -> [String] {
            try await sh(#"cd "$1" && ls | grep '^nightly' || true"#, fleet.pool).split(separator: "\n").map {
                String($0.split(separator: ".")[1])
            }
        }

        /// Makes all that was taken so much older, as if the clock had gone on.
        private func age(_ fleet: TestFleet, seconds: Int) async throws {
            for word in try await moments(fleet) {
                let moment = try #require(Moment(word))
                let older = moment.adding(-Int64(seconds))
                let old = Snapshot.Part.volume("nightly", moment, disk: "root")
                let new = Snapshot.Part.volume("nightly", older, disk: "root")
                try await sh(
                    #"""
                    cd "$1"
                    mark=$(getfattr --only-values -n user.infra "$2" | sed "s/$4/$5/; s/$6/$7/")
                    setfattr -n user.infra -v "$mark" "$2"
                    mv "$2" "$3"
                    """#, fleet.pool, fleet.identity.volumeFileName(old, .qcow2),
                    fleet.identity.volumeFileName(new, .qcow2), old, new, moment.description, older.description)
            }
        }

        private static func snapshot(_ name: String, _ spec: String) -> String {
            """
            apiVersion: infra/v1
            kind: Snapshot
            metadata: {name: \(name)}
            spec: {\(spec)}

            """
        }

        /// A machine with two disks that counts on both.
        private func countingMachine(
            _ fleet: TestFleet, vni: Int, _ edit: (String) -> String = { $0 }
        ) async throws -> GuestConsole {
            try fleet.writeBase(vni: vni)
            try fleet.write(
                "pool.yaml",
                """
                apiVersion: infra/v1
                kind: StoragePool
                metadata: {name: kept}
                spec: {directory: {path: \(fleet.home)/kept}, capacity: 1TiB}
                ---
                apiVersion: infra/v1
                kind: Image
                metadata: {name: noise}
                spec: {file: noise.raw, format: raw}

                """)
            if !FileManager.default.fileExists(atPath: fleet.files + "/noise.raw") {
                try await sh(#"truncate -s 1M "$1/noise.raw""#, fleet.files)
            }
            try fleet.writeMachine("origin", address: 11)
            let disks = "image: tiny}\n    - {name: data, pool: disks, size: 64MiB, format: raw}"
            try fleet.edit("origin.yaml", "image: tiny}", edit(disks))
            #expect(try await fleet.apply().lastLine == "No changes.")
            let console = GuestConsole("origin", of: fleet)
            try await console.tells("origin up 10.77.0.11")
            let seen = console.lines().count
            try await console.type(Self.counting)
            try await console.tells("counting", after: seen) { $0 == "infra-guest: counting" }
            return console
        }

        /// How far the guest has counted.
        private func count(_ console: GuestConsole) async throws -> Int {
            let seen = console.lines().count
            try await console.type(
                "while [ ! -s /run/count ]; do usleep 1000; done; echo infra-guest: count $(cat /run/count)")
            let line = try await console.tells("count", after: seen) { $0.hasPrefix("infra-guest: count 1") }
            return try #require(line.split(separator: " ").last.flatMap { Int($0) })
        }

        /// The numbers on both disks of what was kept.
        private func numbers(
            _ fleet: TestFleet, folder: String, _ prefix: String
        ) async throws -> (root: Int, data: Int) {
            func number(_ disk: String) async throws -> Int {
                let text = try await sh(
                    """
                    for file in "$1"/kept.*."$2".*.qcow2; do
                        qemu-img dd -f qcow2 -O raw bs=512 skip=100000 count=100001 if="$file" of="$1/number" 2>/dev/null
                        head -c 6 "$1/number"
                        rm "$1/number"
                    done
                    """, folder, disk)
                return try #require(Int(text), "\(text)")
            }
            return (try await number("root"), try await number("data"))
        }
    }
}
