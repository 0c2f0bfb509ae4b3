import Foundation
import Manifests
import Model
import Testing

/// Classes of input that must do no harm, a test for each that reading manifests decides alone. The names begin with
/// `hostile`, so that a reader finds them all.
@Suite(.timeLimit(.minutes(1))) struct HostileRowTests {
    private static let base = """
        apiVersion: infra/v1
        kind: Fleet
        metadata: {name: office, id: 6f0a1d52-3c0e-4b3e-9a57-0d3c9b7e5f11}
        ---
        apiVersion: infra/v1
        kind: Host
        metadata: {name: server-1}
        spec: {connect: {local: {}}, storageRoots: [/var/lib/infra]}
        ---
        apiVersion: infra/v1
        kind: StoragePool
        metadata: {name: disks}
        spec: {directory: {path: /var/lib/infra/disks}}

        """

    private static func read(_ document: String) -> ManifestResult {
        ManifestReader.read([SourceFile(path: "fleet.yaml", text: base), SourceFile(path: "x.yaml", text: document)])
    }

    /// Each finding as `line:code`, all of them in the document.
    private static func findings(_ document: String) -> [String] {
        let result = read(document)
        #expect(result.diagnostics.isEmpty == (result.loaded != nil))
        return result.diagnostics.map { "\($0.position?.file ?? "?"):\($0.position?.line ?? 0):\($0.code)" }
    }

    private static let plain = "cpu: 1, memory: 64MiB, disks: [{name: root, pool: disks, size: 1GiB}]"

    private static func machine(_ name: String = "a", _ spec: String = plain) -> String {
        "apiVersion: infra/v1\nkind: VirtualMachine\nmetadata: {name: \(name)}\nspec: {\(spec)}\n"
    }

    @Test("hostile YAML: billion laughs, an anchor of itself, 100,000 levels")
    func documentsThatExplode() {
        var laughs = "a0: &a0 [lol, lol]\n"
        for level in 1..<40 {
            laughs += "a\(level): &a\(level) [" + String(repeating: "*a\(level - 1), ", count: 9) + "]\n"
        }
        #expect(Self.findings(laughs).contains("x.yaml:1:alias"))
        #expect(Self.findings(Self.machine("&a [*a]")).contains("x.yaml:3:alias"))
        for level in ["[", "{a: ", "- ", "? "] {
            #expect(Self.findings(String(repeating: level, count: 100_000)).contains("x.yaml:1:too-deep"), "\(level)")
        }
    }

    @Test("hostile YAML: duplicate keys, unknown fields")
    func fieldsThatAreTwiceOrUnknown() throws {
        #expect(Self.findings(Self.machine("a", "cpu: 1, cpu: 2, memory: 64MiB")) == ["x.yaml:4:duplicate-key"])
        let result = Self.read(Self.machine("a", "cpu: 1, memory: 64MiB, memroy: 1GiB"))
        let finding = try #require(result.diagnostics.first)
        #expect(finding.code == "unknown-field" && "\(finding)".contains("did you mean memory?"), "\(finding)")
    }

    @Test("hostile YAML: no, on, 010, 22:22, 1e3, ~ where a string is wanted")
    func wordsThatOldYAMLGuessedAt() throws {
        // Where text is wanted they are text, as they stand there.
        for word in ["no", "on", "010", "22:22", "1e3", "0x10", "1_000", ".inf", "2001-01-01"] {
            let spec = "cpu: 1, memory: 64MiB, boot: {kernel: k, cmdline: \(word)}"
            let image = "---\napiVersion: infra/v1\nkind: Image\nmetadata: {name: k}\nspec: {file: k, format: kernel}\n"
            let result = Self.read(Self.machine("a", spec) + image)
            let machine = try #require(result.loaded, "\(word): \(result.diagnostics)").manifest.machines[0]
            #expect(machine.spec.boot?.commandLine == word)
        }
        for name in ["no", "on", "010", "1e3"] {
            #expect(Self.read(Self.machine(name)).loaded?.manifest.machines.map(\.metadata.name) == [name])
        }
        #expect(Self.findings(Self.machine("~")) == ["x.yaml:3:needs-value"])
        // Where another type is wanted they are nothing.
        for word in ["no", "010", "22:22", "1e3", "~", "0x10"] {
            #expect(Self.findings(Self.machine("a", "cpu: \(word), memory: 64MiB")).count == 1, "\(word)")
            #expect(Self.findings(Self.machine("a", "cpu: 1, memory: \(word)")).count == 1, "\(word)")
        }
        for word in ["no", "on", "yes", "off", "010", "1", "~"] {
            #expect(Self.findings(Self.machine("a", "cpu: 1, memory: 64MiB, autostart: \(word)")).count == 1, "\(word)")
        }
    }

    @Test("hostile values: memory of -1, 2^63, 2^64, 1e400, 80 gb")
    func numbersThatDoNotFit() {
        for value in [
            "-1", "9223372036854775808", "18446744073709551616", "1e400", "80 gb", "-1GiB", "9223372036854775807KiB",
            "9223372036854775808KiB", "18446744073709551616TiB", "1e3MiB", "0x10MiB", "NaN", ".inf", "''",
            String(repeating: "9", count: 10_000) + "GiB",
        ] {
            for spec in ["cpu: 1, memory: \(value)", "cpu: 1, memory: {size: 64MiB, max: \(value)}"] {
                let result = Self.read(Self.machine("a", spec))
                #expect(result.loaded == nil && result.diagnostics.allSatisfy { $0.position?.line == 4 }, "\(value)")
                #expect(result.diagnostics.allSatisfy { $0.help?.isEmpty == false }, "\(value)")
                #expect(result.diagnostics.allSatisfy { "\($0)".utf8.count < 500 }, "\(value.prefix(20))")
            }
        }
    }

    @Test("hostile names: -x, .., $(id), a'b, a b, 256 characters, two that differ only in case")
    func namesThatAreNone() {
        for name in [
            "-x", "..", ".", "$(id)", "`id`", "a'b", "a b", "a/b", "a;b", "a\\nb", "A", "ä", "a.b", "x-", "--",
            String(repeating: "a", count: 256), "</title><qemu:commandline>", "]]>", "<script>", "%s", "*",
        ] {
            let quoted = "\"\(name)\""
            #expect(Self.findings(Self.machine(quoted)) == ["x.yaml:3:value"], "\(name)")
            let disk = "cpu: 1, memory: 64MiB, disks: [{name: \(quoted), pool: disks, size: 1GiB}]"
            #expect(Self.findings(Self.machine("a", disk)) == ["x.yaml:4:value"], "\(name)")
        }
        // Capitals are no names, so there are no two that differ only in case.
        #expect(Self.findings(Self.machine("web") + "---\n" + Self.machine("WEB")) == ["x.yaml:8:value"])
        #expect(Self.findings(Self.machine("web") + "---\n" + Self.machine("web")).count == 1)
    }

    @Test("hostile ssh: an address `id`.example, a user -l, an option in the place of a name")
    func connectionsThatRunAProgram() {
        func host(_ ssh: String) -> String {
            "apiVersion: infra/v1\nkind: Host\nmetadata: {name: other}\nspec: {connect: {ssh: {\(ssh)}}}\n"
        }
        #expect(Self.findings(host("address: 192.0.2.12, user: ops")) == [])
        for ssh in [
            "address: \"`id`.example\"", "address: $(id).example", "address: -oProxyCommand=id",
            "address: \"a b\"", "address: 192.0.2.12, user: -l", "address: 192.0.2.12, user: $(id)",
            "address: 192.0.2.12, identity: ../id_ed25519", "address: 192.0.2.12, hostKey: \"ssh-ed25519 AAAA $(id)\"",
        ] { #expect(Self.findings(host(ssh)) == ["x.yaml:4:value"], "\(ssh)") }
    }

    @Test("hostile files: an image, a kernel or a secret outside the folder, an http source at an internal address")
    func filesOutsideTheFolder() {
        for path in ["/etc/shadow", "/root/.ssh/id_ed25519", "../x", "a/../../x", "..", "a//b", "./a", "a\\0b", "~/x"] {
            let image = Self.image("file: \"\(path)\", format: kernel")
            let password = "{secretRef: {file: \"\(path)\"}}"
            let secret = "\(Self.plain), cloudInit: {users: [{name: a, password: \(password)}]}"
            // A tilde is a letter like others: what is meant is below the folder.
            let expected = path == "~/x" ? [] : ["x.yaml:4:value"]
            #expect(Self.findings(image) == expected, "\(path)")
            #expect(Self.findings(Self.machine("a", secret)) == expected, "\(path)")
        }
        for host in [
            "169.254.169.254", "127.0.0.1", "127.1.2.3", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255",
            "100.100.100.200", "168.63.129.16", "[::]", "[::1]", "[fe80::1]", "[febf::1]", "[ff02::1]",
            "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[64:ff9b::169.254.169.254]", "[2002:7f00:1::]",
            "[::127.0.0.1]", "[fd00:ec2::254]", "localhost", "LOCALHOST", "a.localhost",
        ] {
            let image = Self.image("url: 'http://\(host)/latest', sha256: \(Self.digest), format: raw")
            #expect(Self.findings(image) == ["x.yaml:4:url-address"], "\(host)")
        }
        for host in ["10.0.0.5", "192.168.1.1", "192.0.2.7:8080", "[fd00::5]", "[2001:db8::1]:80", "images"] {
            let image = Self.image("url: 'http://\(host)/latest', sha256: \(Self.digest), format: raw")
            #expect(Self.findings(image) == [], "\(host)")
        }
    }

    @Test("hostile values: a URL with a user, a fragment, an address in octal, another protocol, an option")
    func addressesThatAreReadInTwoWays() {
        for url in [
            "ftp://images.example/x", "file:///etc/shadow", "HTTP://images.example/x", "//images.example/x",
            "http:/images.example", "https://", "https:///x", "https://root:x@images.example/x", "https://@a/x",
            "https://a/x#y", "https://a b/x", "https://a/x y", #"https://a/x\\y"#, #"https://a/\"x"#,
            "https://a/x{1,2}",
            "https://a/x[1-9]", "https://a/%", "https://a/%zz", #"https://a/x\nurl=y"#, "https://a/é", "https://é/x",
            "https://-a/x", "https://a-/x", "https://a./x", "https://a..b/x", "https://a_b/x", "https://*/x",
            "https://2130706433/x", "https://0x7f000001/x", "https://0x7f.1/x", "https://127.1/x",
            "https://0177.0.0.1/x",
            "https://1.2.3.4.5/x", "https://1.2.3.256/x", "https://a.1/x", "https://::1/x", "https://[::1/x",
            "https://[::1]x/x", "https://[1.2.3.4]/x", "https://[fe80::1%25eth0]/x", "https://a:/x", "https://a:0/x",
            "https://a:080/x", "https://a:65536/x", "https://a:80:80/x", "-o/etc/passwd",
            "https://a/" + String(repeating: "x", count: 2048), "https://" + String(repeating: "a", count: 64) + "/x",
        ] {
            let image = Self.image("url: \"\(url)\", sha256: \(Self.digest), format: raw")
            #expect(Self.findings(image) == ["x.yaml:4:value"], "\(url)")
        }
        #expect(Self.findings(Self.image("url: 'https://a.example/x', format: raw")) == ["x.yaml:4:missing-field"])
        let both = "file: x, url: 'https://a.example/x', sha256: \(Self.digest), format: raw"
        #expect(Self.findings(Self.image(both)) == ["x.yaml:4:conflict"])
        #expect(Self.findings(Self.image("format: raw")) == ["x.yaml:4:missing-field"])
    }

    private static func image(_ spec: String) -> String {
        "apiVersion: infra/v1\nkind: Image\nmetadata: {name: i}\nspec: {\(spec)}\n"
    }

    private static let digest = String(repeating: "ef", count: 32)

    @Test("hostile storage: a path /dev/sda, /etc/shadow, pool/../x; a volume group of which nothing is said")
    func pathsOutsideTheRoots() {
        func pool(_ spec: String) -> [String] {
            Self.findings("apiVersion: infra/v1\nkind: StoragePool\nmetadata: {name: p}\nspec: {\(spec)}\n")
        }
        for path in [
            "/dev/sda", "/etc/shadow", "/var/lib/infra/../x", "/var/lib/infra/disks/../x", "/var/lib/infra", "/",
            "relative", "/var/lib/infrastructure", "/var/lib/infra/a\\nb", "/var/lib/infra//x",
        ] {
            let found = pool("directory: {path: \"\(path)\"}")
            #expect(found == ["x.yaml:4:value"] || found == ["x.yaml:4:pool-path"], "\(path): \(found)")
        }
        #expect(!pool("lvm: {volumeGroup: vg0}").isEmpty)
    }
}
