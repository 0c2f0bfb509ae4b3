import Foundation
import Glibc
import Hosts
import Model

/// Where the values of secrets come from: a folder of files, and an identity that age-encrypted ones are meant for.
/// Values are in memory while they are used, and are never part of a manifest, a plan, a message or an argument.
public struct SecretSource: Sendable {
    /// What a secret holds at most, in bytes.
    static let limit = 1 << 16
    /// What a password holds at most, in bytes: more is not taken by crypt(3).
    static let passwordLimit = 511

    let folder: ClosedFolder?
    /// The identity file of age(1), absolute, and as it was given.
    let identity: (path: String, shown: String)?
    let commands = CommandRunner()
    let digests = DigestMemory()

    /// Secrets from there; nil when neither is given.
    /// - Parameters:
    ///   - folder: The folder of secret files.
    ///   - identity: The identity file for `age --identity`.
    public init?(folder: String?, identity: String?) {
        guard folder != nil || identity != nil else { return nil }
        self.folder = folder.map { ClosedFolder($0) }
        self.identity = identity.map { (URL(filePath: $0).standardizedFileURL.path(percentEncoded: false), $0) }
    }

    /// Why a secret cannot be used, as the end of a sentence that begins with its description. Says nothing of its value.
    struct Unusable: Error {
        var why: String
    }

    /// Whether it can have that secret at all.
    func covers(_ secret: SecretReference) -> Bool { secret.file == nil ? identity != nil : folder != nil }

    /// The value.
    func value(of secret: SecretReference) async throws(Unusable) -> SecretValue {
        if let file = secret.file {
            guard let folder else { throw Unusable(why: "cannot be read without --secrets") }
            return try Self.read(file, in: folder)
        }
        guard let armor = secret.age, let identity else {
            throw Unusable(why: "cannot be decrypted without --age-identity")
        }
        return try await decrypt(armor, identity)
    }

    /// Reads a file that only its owner, or like systemd's credentials its group, can read.
    static func read(_ file: String, in folder: ClosedFolder) throws(Unusable) -> SecretValue {
        let opened: ClosedFolder.File
        do throws(ClosedFolder.Unusable) {
            opened = try folder.open(file)
        } catch {
            throw Unusable(why: error.why)
        }
        defer { close(opened.descriptor) }
        guard opened.status.st_mode & 0o037 == 0 else {
            throw Unusable(why: "can be read or written by others; give the file mode 0600")
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: limit + 1)
        while bytes.count <= limit {
            let count = Glibc.read(opened.descriptor, &buffer, buffer.count)
            guard count >= 0 else { throw Unusable(why: "cannot be read: \(String(cString: strerror(errno)))") }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        guard bytes.count <= limit else { throw Unusable(why: "holds more than \(ByteCount(UInt64(limit)))") }
        guard !bytes.isEmpty else { throw Unusable(why: "is empty") }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Unusable(why: "is not UTF-8") }
        return SecretValue(text)
    }

    /// Nothing that age writes is repeated: what it says of a file it cannot read is of no use beside this.
    private func decrypt(
        _ armor: String, _ identity: (path: String, shown: String)
    ) async throws(Unusable) -> SecretValue {
        var status = stat()
        guard stat(identity.path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Unusable(why: "cannot be decrypted: \(identity.shown) is no plain file")
        }
        guard status.st_mode & 0o037 == 0 else {
            throw Unusable(why: "is not decrypted: \(identity.shown) can be read by others; give it mode 0600")
        }
        let text: String
        do throws(HostError) {
            text = try await commands.run(
                "age", ["--decrypt", "--identity", identity.path], input: .bytes(Array(armor.utf8)),
                deadline: .seconds(30), outputLimit: Self.limit
            ).text
        } catch {
            throw Unusable(why: "cannot be decrypted: \(Self.reason(error, identity.shown))")
        }
        guard !text.isEmpty else { throw Unusable(why: "is empty") }
        return SecretValue(text)
    }

    private static func reason(_ error: HostError, _ identity: String) -> String {
        switch error {
        case .command(_, status: 127, _): "age is not installed"
        case .deadline: "age did not end in time"
        case .unreadable: "it is no UTF-8 text of at most \(ByteCount(UInt64(limit)))"
        default: "it is damaged, or not meant for an identity in \(identity)"
        }
    }
}

/// The value of a secret. It says nothing of itself when it is printed.
struct SecretValue: Sendable, CustomStringConvertible, CustomReflectable {
    /// The text as it was read.
    let text: String

    init(_ text: String) { self.text = text }

    /// Without the newline that an editor puts at the end; nil when that is no password.
    var password: String? {
        let line = text.hasSuffix("\r\n") || text.hasSuffix("\n") ? String(text.dropLast()) : text
        guard !line.isEmpty, line.utf8.count <= SecretSource.passwordLimit,
            line.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f })
        else { return nil }
        return line
    }

    var description: String { "(secret)" }
    var customMirror: Mirror { Mirror(self, children: []) }
}
