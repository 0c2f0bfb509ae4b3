import Foundation
import Model

/// Three secrets that stand nowhere else, in a folder outside all that is searched for them, and a machine's manifest that
/// refers to them.
struct Secrets {
    let fleet: TestFleet
    let folder: String
    let password = "canary-\(UUID().lowercased)"
    let token = "canary-\(UUID().lowercased)"
    let encrypted = "canary-\(UUID().lowercased)"
    /// The machine's `cloudInit`.
    let cloudInit: String

    var seed: String { fleet.pool + "/" + fleet.identity.seedFileName(machine: "vault") }
    private var patterns: String { folder + "/.patterns" }
    private var identity: String { folder + "/.identity" }

    init(_ fleet: TestFleet) async throws {
        self.fleet = fleet
        folder = "/root/infra-secrets-\(fleet.identity.fleet8)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        // By files: this program's own arguments are searched as well.
        try Self.write(folder + "/encrypted", encrypted)
        let armor = try await sh(
            #"""
            cd "$1"
            age-keygen --output .identity 2>/dev/null
            age --encrypt --armor --recipient "$(age-keygen -y .identity)" encrypted
            rm encrypted
            """#, folder)
        let lines = armor.split(separator: "\n").map { "            \($0)\n" }.joined()
        cloudInit = """
            cloudInit:
                users:
                  - {name: ops, password: {secretRef: {file: password}}}
                  - name: second
                    password:
                      secretRef:
                        age: |
            \(lines.split(separator: "\n").map { "              \($0.drop { $0 == " " })" }.joined(separator: "\n"))
                secretFiles:
                  - {path: /etc/token, secretRef: {file: token}}
            """
        try write("password", password)
        try write("token", token)
        let plain = [password, token, encrypted]
        let encoded = plain.map { Data($0.utf8).base64EncodedString().prefix(40) }
        try Self.write(patterns, (plain + encoded.map(String.init)).joined(separator: "\n"))
    }

    func write(_ name: String, _ text: String, mode: Int = 0o600) throws {
        try Self.write(folder + "/" + name, text + "\n", mode: mode)
    }

    private static func write(_ path: String, _ text: String, mode: Int = 0o600) throws {
        try Data(text.utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    /// Where the program finds them.
    var sources: [String] { ["--secrets", folder, "--age-identity", identity] }

    private var options: [String] { sources + ["--files", fleet.files, fleet.manifests] }

    /// Runs the program on the fleet with its secrets.
    func infra(_ words: String...) async throws -> Ended { try await Program.run(Program.infra, words + options) }

    /// Applies while the arguments and environments of all processes are read again and again, until it has ended.
    /// - Returns: Which of the patterns were seen there; `control` is one that has to be.
    func sampledApply() async throws -> (Ended, String) {
        let script = #"""
            patterns=$1 log=$2 infra=$3; shift 3
            INFRA_CONTROL=control "$infra" apply --yes --format json "$@" &
            while kill -0 $! 2>/dev/null; do
                cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' |
                    grep -aoF -f "$patterns" -e INFRA_CONTROL=control >>"$log" || true
            done
            wait $!
            """#
        let log = folder + "/.seen"
        let ended = try await Program.run(
            "bash", ["-c", script, "bash", patterns, log, Program.infra] + options, seconds: 300)
        return (ended, try await sh(#"sed 's/.*INFRA_CONTROL=//' "$1" | sort -u"#, log))
    }

    /// Runs the body while the arguments and environments of all processes are read again and again.
    /// - Returns: Which of the patterns were seen there, which of `infra`'s own processes (`watch`, `git-worker`), and
    ///   `control` and `control-environment`, with which a process of this test's own was started meanwhile.
    func sampling(_ body: () async throws -> Void) async throws -> Set<String> {
        let script = #"""
            patterns=$1 log=$2 control=$3
            : >"$log"
            while [[ ! -e $log.end ]]; do
                cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' |
                    grep -axF -f "$patterns" -e watch -e git-worker >>"$log" || true
                cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' |
                    grep -aoF -f "$patterns" -e "$control" -e "$control-environment" |
                    sed "s/$control/control/" >>"$log" || true
            done
            """#
        let log = folder + "/.sampled"
        let control = UUID().lowercased
        let sampler = Task {
            try await Program.run("bash", ["-c", script, "bash", patterns, log, control], seconds: 300)
        }
        do {
            try await body()
            try await sh(#"sleep 1; CONTROL=$1-environment sleep 2; true"#, control)
        } catch {
            try await sh(#"touch "$1.end""#, log)
            _ = try? await sampler.value
            throw error
        }
        try await sh(#"touch "$1.end""#, log)
        _ = try await sampler.value
        return Set(try await sh(#"sort -u "$1"; rm -f "$1" "$1.end""#, log).split(separator: "\n").map(String.init))
    }

    /// Which secrets are in the objects of repositories, notes and what no branch reaches included: they are compressed, so
    /// a look at their files would find nothing. `control` is what has to be found there.
    func revealed(byObjectsOf repositories: [String], control: String) async throws -> Set<String> {
        var found: Set<String> = []
        for repository in repositories {
            let text = try await sh(
                #"""
                git -C "$2" --git-dir="$2" cat-file --batch-all-objects --batch |
                    grep -aoF -f "$1" -e "$3" | sort -u || true
                """#, patterns, repository, control)
            let lines = Set(text.split(separator: "\n").map(String.init))
            guard lines.contains(control) else { throw Failure("\(repository) was not searched: \(text)") }
            found.formUnion(lines.subtracting([control]))
        }
        return found
    }

    /// Which secrets a program told.
    func reveals(_ ended: Ended) async throws -> String {
        let file = folder + "/.told"
        try Data((ended.output + ended.error).utf8).write(to: URL(filePath: file))
        return try await sh(#"grep -aoF -f "$1" "$2" || true"#, patterns, file)
    }

    /// All files that hold one of the secrets, in any place where this program, libvirt or a tool may have left it.
    func places() async throws -> [String] {
        let found = try await sh(
            #"""
            grep -r --devices=skip -laF -f "$1" /var/lib/infra /var/lib/libvirt /etc/libvirt /run /tmp /var/tmp /var/log \
                /dev/shm 2>/dev/null || true
            """#, patterns)
        return found.split(separator: "\n").map(String.init)
    }
}
