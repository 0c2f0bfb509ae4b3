import Model

extension Form where Value == String {
    static let folderPattern = "^(/[A-Za-z0-9_@+][A-Za-z0-9._@+-]*)+$"

    static func isFolder(_ text: String) -> Bool {
        text.utf8.count <= 1024 && text.hasPrefix("/")
            && text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
                guard let first = part.utf8.first, part.utf8.count <= 255 else { return false }
                return isWordByte(first) && part.utf8.allSatisfy { isWordByte($0) || $0 == 0x2d || $0 == 0x2e }
            }
    }

    /// The absolute path of a folder.
    static let folder = string(
        "a folder", accepted: "write an absolute path without . or .. or // in it, such as /var/lib/infra/disks",
        pattern: folderPattern, limit: 1024, samples: ["/var/lib/infra/other", "/var/lib/infra/another"],
        isValid: isFolder)

    private static let part = "[^/\\u0000-\\u001f\\u007f]+"

    /// The name of a file in a pool's folder.
    static let fileName = string(
        "a file's name",
        accepted: "write the name of a file without a folder, at most 255 bytes, not ending in .staged",
        pattern: "^(?!\\.{1,2}$)(?!.*\\.staged$)[^/\\u0000-\\u001f\\u007f\\ufffd]+$", limit: 255,
        samples: ["other.qcow2", "another.qcow2"], isValid: isFileName)

    static func isFileName(_ text: String) -> Bool {
        (1...255).contains(text.utf8.count) && text != "." && text != ".." && !text.hasSuffix(Identity.stagedSuffix)
            && text.unicodeScalars.allSatisfy { $0 != "/" && $0 != "\u{fffd}" && $0.value >= 0x20 && $0.value != 0x7f }
    }

    /// A file below the folder that `--files` names.
    static let relativeFile = relativeFile(
        "--files", example: "images/tiny.qcow2", samples: ["other.qcow2", "another.qcow2"])

    /// A file below the folder that an option names.
    static func relativeFile(_ option: String, example: String, samples: [String]) -> Form<String> {
        string(
            "a file below the \(option) folder",
            accepted: "write a relative path without . or .. or // in it, such as \(example)",
            pattern: "^(?!\\.{1,2}(/|$))\(part)(/(?!\\.{1,2}(/|$))\(part))*$", limit: 1024, samples: samples
        ) { isRelativeFile($0[...]) }
    }

    static func isRelativeFile(_ text: Substring) -> Bool {
        text.utf8.count <= 1024
            && text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
                !part.isEmpty && part != "." && part != ".." && part.utf8.count <= 255
                    && part.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f }
            }
    }

    /// SHA-256 in hex digits.
    static let sha256 = string(
        "a SHA-256 digest", accepted: "write 64 lower-case hex digits, as sha256sum prints them",
        pattern: "^[0-9a-f]{64}$",
        samples: [String(repeating: "ab", count: 32), String(repeating: "cd", count: 32)]
    ) { text in
        text.utf8.count == 64 && text.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 || $0 >= 0x61 && $0 <= 0x66 }
    }

    /// A guest's name, with or without a domain.
    static let hostname = string(
        "a host name", accepted: "use letters, digits and inner hyphens, with dots between them, at most 64 characters",
        pattern: "^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$",
        limit: 64, samples: ["other", "another"]
    ) { text in
        text.utf8.count <= 64
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { Name.isValid($0.lowercased()) }
    }

    /// The name of a user in a guest.
    static let userName = string(
        "a user name", accepted: "use lower-case letters, digits, - and _, at most 32, beginning with a letter or _",
        pattern: "^[a-z_][a-z0-9_-]{0,31}$", samples: ["other", "another"]
    ) { text in
        guard let first = text.utf8.first, text.utf8.count <= 32 else { return false }
        let isStart = { (byte: UInt8) in byte >= 0x61 && byte <= 0x7a || byte == 0x5f }
        return isStart(first)
            && text.utf8.allSatisfy { isStart($0) || $0 >= 0x30 && $0 <= 0x39 || $0 == 0x2d }
    }

    /// A link's name as the kernel takes it.
    static let linkName = string(
        "a network interface", accepted: "write its name, at most 15 letters, digits, and . _ - between them",
        pattern: "^[A-Za-z0-9_][A-Za-z0-9._-]{0,14}$", samples: ["eth7", "eth8"], isValid: isLinkName)

    static func isLinkName(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 15 else { return false }
        return isWordByte(first) && first != 0x40 && first != 0x2b
            && text.utf8.allSatisfy { isWordByte($0) && $0 != 0x40 && $0 != 0x2b || $0 == 0x2d || $0 == 0x2e }
    }

    /// A letter, a digit or one of `_@+`.
    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x5f, 0x40, 0x2b: true
        default: false
        }
    }
}
