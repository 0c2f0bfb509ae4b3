import Foundation

/// Why a secret cannot be taken from a file.
public struct SecretFileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One sentence without a full stop. It names the file, never what is in it.
    public let description: String
}

/// Secrets that are given as files: a plain file that only its owner can read.
public enum SecretFile {
    /// What a file holds at most, in bytes.
    static let limit = 4096

    /// The file's contents without line ends behind it.
    public static func read(_ path: String) throws(SecretFileError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw SecretFileError(description: "\(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw SecretFileError(description: "\(path) is no plain file")
        }
        // systemd's credentials are 0440 for the group of nobody else, in a folder that only the service can enter.
        guard status.st_mode & 0o037 == 0 else {
            throw SecretFileError(description: "\(path) can be read or written by others; give it mode 0600")
        }
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        let count = Foundation.read(descriptor, &bytes, bytes.count)
        guard count > 0, count <= limit else {
            throw SecretFileError(description: "\(path) is empty or holds more than \(limit) bytes")
        }
        guard let text = String(validating: bytes.prefix(count), as: UTF8.self) else {
            throw SecretFileError(description: "\(path) is not UTF-8")
        }
        let secret = text.trimmingCharacters(in: .newlines)
        guard !secret.isEmpty, !secret.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else {
            throw SecretFileError(description: "\(path) does not hold one line of text")
        }
        return secret
    }
}
