import Crypto
import Foundation
import Manifests
import Model

/// Which manifests a plan was made from.
struct ManifestDigest: Codable {
    /// The folder or file, absolute.
    var folder: String
    /// SHA-256 of each file, by its path below the folder.
    var files: [String: String]
    /// The git tree, when they were read from one.
    var tree: String?

    init(_ path: String, _ files: [SourceFile]) {
        folder = URL(filePath: path).standardizedFileURL.path(percentEncoded: false)
        let prefix = FleetInput.prefix(below: path)
        self.files = files.reduce(into: [:]) { result, file in
            let name = file.path.hasPrefix(prefix) ? String(file.path.dropFirst(prefix.count)) : ""
            let digest = SHA256.hash(data: Data(file.bytes))
            result[name] = digest.hexDigits
        }
    }

    /// Looks whether the manifests are what they were: those of the folder that is named, else of the folder that the
    /// plan was made from, if it is there. On another machine there is nothing to compare with.
    /// - Throws: `ExitCode` when they differ or cannot be read.
    func check(_ named: String?) throws {
        guard let path = named ?? (FileManager.default.fileExists(atPath: folder) ? folder : nil) else { return }
        let now = ManifestDigest(
            path, try FleetInput.readFolder(path, .text, prefix: FleetInput.prefix(below: path)))
        let changes = Set(files.keys).union(now.files.keys).sorted().compactMap { file -> String? in
            let name = file.isEmpty ? path : file
            switch (files[file], now.files[file]) {
            case (let old?, let new?): return old == new ? nil : "\(name) was changed"
            case (.some, nil): return "\(name) is gone"
            case (nil, .some): return "\(name) is new"
            case (nil, nil): return nil
            }
        }
        guard !changes.isEmpty else { return }
        try PlanFile.refuse(
            "the manifests in \(path) are not those that the plan was made from: "
                + changes.prefix(10).joined(separator: ", ") + "; plan again")
    }
}
