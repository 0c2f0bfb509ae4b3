import Foundation
import Model
import Testing

extension LiveTests {
    /// Secrets are in the seed, which nobody but root can read, and nowhere else: not in what is printed, written, logged or
    /// handed to a program as an argument.
    @Suite struct SecretLiveTests {
        @Test("hostile secrets: a canary in plans, output, inventories, arguments, files")
        func aCanaryIsFoundNowhereButInTheSeed() async throws {
            try await withSecrets { fleet, secrets in
                var told: [Ended] = []
                told.append(try await fleet.infra("validate", "--secrets", secrets.folder))
                for format in ["text", "json"] {
                    told.append(try await secrets.infra("plan", "--format", format))
                }
                let (applied, seen) = try await secrets.sampledApply()
                told.append(applied)
                #expect(applied.status == 0, "\(applied)")
                #expect(seen == "control", "arguments and environments held \(seen)")
                #expect(try await secrets.infra("plan").hasLine("No changes."))

                let file = fleet.home + "/plan.json"
                try fleet.edit("vault.yaml", "name: ops", "name: boss")
                told.append(try await secrets.infra("plan", "--out", file))
                for command in ["plan", "diff", "status"] {
                    told.append(try await secrets.infra(command))
                    told.append(try await secrets.infra(command, "--format", "json"))
                }
                let inventory = fleet.home + "/inventory.yaml"
                told.append(try await fleet.infra("observe", "--out", inventory))
                told.append(try await fleet.infra("observe", "--format", "json"))
                told.append(try await fleet.infra("get", "VirtualMachine", "--format", "json"))
                #expect(try await secrets.infra("plan") == secrets.infra("plan", "--inventory", inventory))
                for ended in told { #expect(try await secrets.reveals(ended) == "", "\(ended)") }
                // What is looked for would be found.
                let telling = Ended(status: 0, output: "", error: "it is \(secrets.password)")
                #expect(try await secrets.reveals(telling) == secrets.password)

                #expect(try await secrets.places() == [secrets.seed])
                #expect(try await sh(#"stat -c %a "$1""#, secrets.seed) == "600")
                let userData = try await sh(#"isoinfo -R -x /user-data -i "$1""#, secrets.seed)
                // A password is in no place at all, only its hash is; a file's contents are in the seed as they were.
                #expect(userData.contains(#""hashed_passwd": "$6$rounds=100000$"#) && userData.contains(secrets.token))
                #expect(!userData.contains(secrets.password) && !userData.contains(secrets.encrypted))
            }
        }

        @Test func aChangedSecretIsAChangeThatIsNotShown() async throws {
            try await withSecrets { fleet, secrets in
                #expect(try await secrets.infra("apply", "--yes").status == 0)
                let before = try await sh(#"stat -c %i "$1""#, secrets.seed)
                #expect(try await secrets.infra("apply", "--yes").lastLine == "No changes.")

                // A plan made before the change is not done after it.
                let file = fleet.home + "/plan.json"
                try fleet.edit("vault.yaml", "name: ops", "name: boss")
                #expect(try await secrets.infra("plan", "--out", file).status == 0)
                try secrets.write("password", secrets.password + "-changed")
                let late = try await secrets.infra("apply", "--yes", "--plan", file)
                #expect(
                    late.status == 1 && late.output.contains("secret password changed since the plan was made"),
                    "\(late)")
                #expect(try await secrets.reveals(late) == "")
                #expect(try await sh(#"stat -c %i "$1""#, secrets.seed) == before)

                let plan = try await secrets.infra("plan")
                #expect(plan.output.contains("(seed)") && plan.output.contains("secret password: digest "), "\(plan)")
                #expect(try await secrets.reveals(plan) == "")
                #expect(try await secrets.infra("apply", "--yes").lastLine == "No changes.")
                #expect(try await sh(#"stat -c %i "$1""#, secrets.seed) != before)

                // Without its source a secret is unknown, and nothing is done about the machine.
                let blind = try await fleet.infra("plan")
                #expect(blind.output.contains("its secret password could not be read (--secrets)"), "\(blind)")
                // One that others can read is refused, with its place.
                try secrets.write("token", secrets.token, mode: 0o644)
                let refused = try await secrets.infra("plan")
                #expect(
                    refused.status == 1 && refused.error.contains("vault.yaml:")
                        && refused.error.contains("error[secret]"), "\(refused)")
            }
        }

        @Test("hostile secrets: a canary in a watcher's events, history, repositories, arguments")
        func aWatcherTellsAndKeepsNoSecret() async throws {
            try await withSecrets { fleet, secrets in
                let watched = try await WatchedFleet(fleet)
                try await watched.commit("With secrets")
                try await watched.push()
                let options = secrets.sources
                let state = fleet.home + "/state"
                var ended: Ended?
                let seen = try await secrets.sampling {
                    let watcher = try await watched.watching(options[0], options[1], options[2], options[3]) {
                        watcher in
                        let first = try await watched.head()
                        try await watcher.next("converged", of: first)
                        let before = try await sh(#"stat -c %i "$1""#, secrets.seed)
                        // A secret that changes without a commit arrives when somebody asks.
                        try secrets.write("password", secrets.password + "-changed")
                        let asked = try await Program.run(Program.infra, ["reconcile", "--socket", watched.socket])
                        #expect(asked.status == 0, "\(asked)")
                        #expect(try await secrets.reveals(asked) == "")
                        #expect(try await sh(#"stat -c %i "$1""#, secrets.seed) != before)
                        // So does a commit about the machine that needs it, and one that is refused.
                        try fleet.edit("vault.yaml", "name: ops", "name: boss")
                        try await watched.commit("Another user")
                        try await watched.push()
                        try await watcher.next("converged", of: try await watched.head())
                        try fleet.edit("vault.yaml", "cpu: 1", "cpu: 0")
                        try await watched.commit("No processor")
                        try await watched.push()
                        try await watcher.next("commitRefused", of: try await watched.head())
                        for event in await watcher.events {
                            let ended = Ended(status: 0, output: event.description, error: "")
                            #expect(try await secrets.reveals(ended) == "", "\(event)")
                        }
                        // While it runs: what is written to the history stands in its log file first.
                        #expect(try await sh(#"ls "$1""#, state).contains("history.sqlite-wal"))
                        #expect(try await secrets.places() == [secrets.seed])
                        return watcher
                    }
                    ended = await watcher.ended
                }
                // All that it wrote, what is no event included.
                let written = try #require(ended)
                #expect(try await secrets.reveals(written) == "")
                #expect(
                    seen == ["watch", "git-worker", "control", "control-environment"],
                    "arguments and environments held \(seen)")
                let log = try await Program.run(Program.infra, ["log", "--state", state, "--steps"])
                #expect(log.status == 0 && log.output.contains("VirtualMachine/vault"), "\(log)")
                #expect(try await secrets.reveals(log) == "")
                let dump = try await Program.run("sqlite3", [state + "/history.sqlite", ".dump"])
                #expect(dump.output.contains("INSERT INTO"), "\(dump)")
                #expect(try await secrets.reveals(dump) == "")
                // The history and the copy of the repository with its notes lie below the fleet's folder.
                #expect(try await secrets.places() == [secrets.seed])
                let copy = try await sh(#"ls -d "$1"/*.git"#, state)
                let repositories = [watched.repository, fleet.manifests + "/.git", copy]
                #expect(try await secrets.revealed(byObjectsOf: repositories, control: "kind: VirtualMachine") == [])
                // What is looked for would be found.
                try fleet.write("canary.yaml", "# \(secrets.token)\n")
                try await watched.commit("A slip")
                #expect(
                    try await secrets.revealed(byObjectsOf: [repositories[1]], control: "kind: VirtualMachine")
                        == [secrets.token])
            }
        }

        /// The hash in the seed lets in who knows the password, and nobody else, by the programs that guests have.
        @Test func theHashInTheSeedIsThePasswords() async throws {
            try await withSecrets { fleet, secrets in
                #expect(try await secrets.infra("apply", "--yes").status == 0)
                let hash = try await sh(
                    #"isoinfo -R -x /user-data -i "$1" | grep -o '"hashed_passwd": "[^"]*"' | sed -n '1s/.*: "\(.*\)"/\1/p'"#,
                    secrets.seed)
                #expect(hash.hasPrefix("$6$rounds=100000$"))
                let login = #"""
                    useradd --no-create-home --shell /bin/sh "$1"
                    trap 'userdel "$1"' EXIT
                    usermod --password "$2" "$1"
                    [[ $(getent shadow "$1" | cut -d : -f 2) == "$2" ]]
                    try() { setpriv --reuid nobody --clear-groups su "$1" -c 'id -un' <"$2" 2>/dev/null || echo refused; }
                    try "$1" "$3"
                    try "$1" "$4"
                    """#
                // Whoever is root is asked for no password.
                try await sh(
                    #"install -m 644 "$1/password" /tmp/infra-right; echo wrong >/tmp/infra-wrong"#, secrets.folder)
                let tried = try await Program.run(
                    "bash",
                    [
                        "-euo", "pipefail", "-c", login, "bash", "infra-\(fleet.identity.fleet8)", hash,
                        "/tmp/infra-right",
                        "/tmp/infra-wrong",
                    ], seconds: 60)
                try await sh("rm -f /tmp/infra-right /tmp/infra-wrong")
                #expect(tried.output == "infra-\(fleet.identity.fleet8)\nrefused\n", "\(tried)")
            }
        }

        private func withSecrets(_ body: (TestFleet, Secrets) async throws -> Void) async throws {
            try await withFleet("secrets") { fleet in
                try fleet.writeBase(vni: 7795)
                let secrets = try await Secrets(fleet)
                try fleet.writeMachine("vault", address: 11)
                try fleet.edit("vault.yaml", "cloudInit: {}", secrets.cloudInit)
                do {
                    try await body(fleet, secrets)
                } catch {
                    try? FileManager.default.removeItem(atPath: secrets.folder)
                    throw error
                }
                try FileManager.default.removeItem(atPath: secrets.folder)
            }
        }
    }
}
