import Foundation
import Manifests
import Model
import Subprocess
import SystemPackage
import TestSupport
import Testing

@testable import Reconciler

/// Values of secrets are read as they are and only from where they may be, and what is said of them does not tell them.
@Suite struct SecretSourceTests {
    private let folder: String
    private let fleet = UUID()
    private static let canary = "correct-horse-7d1f"

    init() throws {
        folder = FileManager.default.temporaryDirectory.path + "/infra-secrets-\(UUID().lowercased)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    private func write(_ name: String, _ text: String, mode: Int = 0o600) throws {
        try Data(text.utf8).write(to: URL(filePath: folder + "/" + name))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: folder + "/" + name)
    }

    private func clean() { try? FileManager.default.removeItem(atPath: folder) }

    private func manifest(password: SecretReference? = nil, file: SecretReference? = nil) -> FleetManifest {
        let cloudInit = CloudInit(
            users: [CloudInit.User(name: "ops", password: password)],
            secretFiles: file.map { [CloudInit.SecretFile(path: "/etc/token", contents: $0)] } ?? [])
        return FleetManifest(
            fleet: Fleet(metadata: Metadata(name: "office", id: fleet.lowercased), uuid: fleet),
            machines: [
                VirtualMachine(
                    metadata: Metadata(name: "artist"),
                    spec: VirtualMachine.Spec(
                        cpu: VirtualMachine.CPU(count: 1), memory: VirtualMachine.Memory(size: .gibibytes(1)),
                        cloudInit: cloudInit))
            ])
    }

    private func told(_ manifest: FleetManifest, identity: String? = nil) async -> [String] {
        let source = SecretSource(folder: folder, identity: identity)
        return await SecretSource.fill(manifest, from: source).1.map(\.message)
    }

    private static func seed(_ manifest: FleetManifest) -> SeedContents {
        let cloudInit = manifest.machines[0].spec.cloudInit ?? CloudInit()
        return SeedContents(
            metaData: "", userData: "#cloud-config\n", users: cloudInit.users, secretFiles: cloudInit.secretFiles,
            networkConfig: "")
    }

    @Test func aFileIsReadIntoTheSeedAlone() async throws {
        defer { clean() }
        try write("password", Self.canary + "\n")
        try write("token", Self.canary + "\nsecond line\n", mode: 0o440)
        let source = SecretSource(folder: folder, identity: nil)
        let (filled, problems) = await SecretSource.fill(
            manifest(password: SecretReference(file: "password"), file: SecretReference(file: "token")), from: source)
        #expect(problems.isEmpty)
        let contents = Self.seed(filled)
        let stored = String(decoding: try JSONEncoder().encode(contents), as: UTF8.self)
        #expect(contents.secrets.allSatisfy { $0.digest?.count == 43 } && !stored.contains(Self.canary), "\(stored)")

        let text = try await SecretSource.userData(of: contents, from: source, fleet: filled)
        let hash = try #require(text.firstMatch(of: #/"hashed_passwd": "(\$6\$rounds=100000\$[^"]+)"/#)).output.1
        #expect(text.contains(#""content": "\#(Self.canary)\nsecond line\n""#))
        // OpenSSL's crypt is not ours. Its standard input is the password without the newline.
        let salt = String(try #require(hash.split(separator: "$").dropFirst(2).first))
        let other = try await Self.output(
            "openssl", ["passwd", "-6", "-salt", "rounds=100000$" + salt, "-stdin"], input: Self.canary + "\n")
        #expect(other == String(hash))
        #expect(
            "\(SecretValue(Self.canary))\(String(reflecting: SecretValue(Self.canary)))".contains(Self.canary) == false)
    }

    @Test func aDigestIsStableAndOfItsReference() async throws {
        defer { clean() }
        try write("one", Self.canary)
        try write("two", Self.canary)
        let source = SecretSource(folder: folder, identity: nil)
        func digest(_ file: String) async -> String? {
            await SecretSource.fill(manifest(password: SecretReference(file: file)), from: source).0.machines[0].spec
                .cloudInit?.users[0].password?.digest
        }
        let one = await digest("one")
        #expect(one != nil)
        #expect(await digest("one") == one)
        #expect(await digest("two") != one)
        try write("one", Self.canary + "x")
        #expect(await digest("one") != one)
    }

    @Test func aChangedSecretIsNotWritten() async throws {
        defer { clean() }
        try write("password", Self.canary)
        let source = SecretSource(folder: folder, identity: nil)
        let filled = await SecretSource.fill(manifest(password: SecretReference(file: "password")), from: source).0
        try write("password", Self.canary + "x")
        let error = await #expect(throws: (any Error).self) {
            _ = try await SecretSource.userData(of: Self.seed(filled), from: source, fleet: filled)
        }
        #expect(error.map { "\($0)" } == "the secret password changed since the plan was made; plan again")
    }

    @Test("hostile files: a secretRef with .., a link, a file that others can read")
    func onlyFilesOfItsOwnAreRead() async throws {
        defer { clean() }
        try write("open", Self.canary, mode: 0o644)
        try write("empty", "")
        try write("long", String(repeating: "x", count: SecretSource.limit + 1))
        try write("lines", "a\nb\n")
        try FileManager.default.createDirectory(atPath: folder + "/below", withIntermediateDirectories: false)
        try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: "/etc/shadow")
        try FileManager.default.createSymbolicLink(atPath: folder + "/out", withDestinationPath: "/etc")
        for (file, why) in [
            ("open", "can be read or written by others; give the file mode 0600"), ("empty", "is empty"),
            ("long", "holds more than 64KiB"), ("below", "is not a regular file"), ("link", "is a link"),
            ("out/shadow", "is not there: Not a directory"), ("../etc/shadow", "leads out of the folder"),
            ("missing", "is not there: No such file or directory"),
            ("lines", "is no password: one line of at most 511 bytes, without control characters"),
        ] {
            let messages = await told(manifest(password: SecretReference(file: file)))
            #expect(messages == ["spec.cloudInit.users[ops].password.secretRef.file: secret \(file) \(why)"])
        }
        #expect(await told(manifest(file: SecretReference(file: "lines"))) == [])
    }

    @Test func ageDecryptsForItsIdentityAlone() async throws {
        defer { clean() }
        let identity = folder + "/identity"
        try await Self.output("age-keygen", ["--output", identity])
        try await Self.output("age-keygen", ["--output", folder + "/stranger"])
        let recipient = try await Self.output("age-keygen", ["-y", identity])
        let armor = try await Self.output(
            "age", ["--encrypt", "--armor", "--recipient", recipient], input: Self.canary + "\n")
        let wanted = manifest(password: SecretReference(age: armor))
        let source = SecretSource(folder: nil, identity: identity)
        let (filled, problems) = await SecretSource.fill(wanted, from: source)
        #expect(problems.isEmpty, "\(problems)")
        let value = try await source?.value(of: SecretReference(age: armor))
        #expect(value?.password == Self.canary)
        #expect(try await SecretSource.userData(of: Self.seed(filled), from: source, fleet: filled).contains("$6$"))

        let field = "spec.cloudInit.users[ops].password.secretRef.age: age-encrypted secret"
        #expect(
            await told(wanted, identity: folder + "/stranger") == [
                "\(field) cannot be decrypted: it is damaged, or not meant for an identity in \(folder)/stranger"
            ])
        let damaged = manifest(
            password: SecretReference(age: armor.replacing("\n", with: "\nAAAA", maxReplacements: 1)))
        #expect(await told(damaged, identity: identity).count == 1)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: identity)
        #expect(
            await told(wanted, identity: identity) == [
                "\(field) is not decrypted: \(identity) can be read by others; give it mode 0600"
            ])
    }

    @discardableResult
    private static func output(_ program: String, _ arguments: [String], input: String = "") async throws -> String {
        let result = try await Subprocess.run(
            .name(program), arguments: Arguments(arguments), input: .string(input), output: .string(limit: 1 << 20),
            error: .discarded)
        guard result.terminationStatus.isSuccess else { throw CancellationError() }
        return result.standardOutput.trimmingCharacters(in: .newlines)
    }
}
