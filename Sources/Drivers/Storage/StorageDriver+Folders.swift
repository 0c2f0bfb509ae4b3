import Foundation
import Hosts
import Model

extension StorageDriver {
    /// What is in the folders, and why those that are left out could not be read.
    func list(
        _ folders: [String]
    ) async throws(HostError) -> (StorageListing, unread: [(folder: String, reason: String)]) {
        guard !folders.isEmpty else { return (StorageListing(), []) }
        do throws(HostError) {
            return (try await look(folders), [])
        } catch .command {
            // A file went while it was looked at, or one folder cannot be read.
            var whole = StorageListing()
            var unread: [(String, String)] = []
            for folder in folders {
                do throws(HostError) {
                    whole.add(try await look([folder]))
                } catch .command(_, _, let message) {
                    unread.append((folder, "it cannot be read: \(message)"))
                }
            }
            return (whole, unread)
        }
    }

    private func look(_ folders: [String]) async throws(HostError) -> StorageListing {
        // Foreign names need not be UTF-8; ours are ASCII, so a repaired one is never one of ours.
        let output = try await commands.run(
            "bash", ["-c", StorageScripts.list, "infra-list"] + folders, outputLimit: 1 << 26, repairing: true)
        return try StorageListing(output.text, folders: folders)
    }

    /// What the headers of our qcow2 files say, by path, and the folders of those for which libvirt has to be asked.
    ///
    /// The names are ours, and each file gives the same number of bytes or none at all counts, so nothing that is in a
    /// file can be taken for another's.
    func contents(
        of listing: StorageListing
    ) async throws(HostError) -> (seen: [String: FileContents], doubtful: Set<String>) {
        let disks = listing.files.filter { file in
            if let own = listing.marks[file.path]?.adopted(file, in: identity) { return own.format == .qcow2 }
            guard file.isPlain, case .volume(_, .qcow2, _) = FileRole(name: file.name, identity: identity) else {
                return false
            }
            return true
        }
        let length = QCOW2Header.observedLength
        let readable = disks.filter { $0.size >= length }
        var doubtful = Set(disks.filter { $0.size < length }.map(\.folder))
        guard !readable.isEmpty else { return ([:], doubtful) }
        let names = readable.reduce(into: [UInt8]()) { $0 += Array($1.path.utf8) + [0] }
        let bytes: [UInt8]
        do throws(HostError) {
            bytes = try await commands.bytes(
                "xargs", ["--null", "head", "--quiet", "--bytes=\(length)", "--"], input: .bytes(names),
                outputLimit: readable.count * length)
        } catch .command {
            bytes = []
        }
        guard bytes.count == readable.count * length else { return ([:], Set(disks.map(\.folder))) }
        var seen: [String: FileContents] = [:]
        for (index, file) in readable.enumerated() {
            if let contents = QCOW2Header.contents(Array(bytes[index * length..<(index + 1) * length])) {
                seen[file.path] = FileContents(
                    size: contents.size, backing: contents.backing, format: Volume.Format.qcow2.rawValue)
            } else {
                doubtful.insert(file.folder)
            }
        }
        return (seen, doubtful)
    }
}
