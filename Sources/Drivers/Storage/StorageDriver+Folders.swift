import Foundation
import Hosts
import Model
import Synchronization

extension StorageDriver {
    /// What is in folders, and why those that are left out could not be read.
    typealias FolderListing = (listing: StorageListing, unread: [(folder: String, reason: String)])

    /// What is in the folders.
    func list(_ folders: [String]) async throws(HostError) -> FolderListing {
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
        guard mayRead(folders) else { return try await lookByCommand(folders) }
        return try await byItself("reading the pools' folders") { () throws(HostError) in try LocalFolders.list(folders)
        }
    }

    /// Whether this process itself may touch what lies in folders: those on this machine's own disks.
    func mayRead(_ folders: [String]) -> Bool {
        commands.isLocal && !Self.hasHung.load(ordering: .relaxed) && folders.allSatisfy(LocalFileSystems().hold)
    }

    /// Does something to files of this machine on a thread of its own.
    ///
    /// - Throws: what the body throws, `.deadline` when it has not returned in time or the caller was cancelled: what it does
    ///   then is unknown.
    func byItself<Value: Sendable>(
        _ call: String, deadline: Duration? = nil, _ body: @escaping @Sendable () throws(HostError) -> Value
    ) async throws(HostError) -> Value {
        do throws(HostError) {
            return try await Self.threads.run(
                call, deadline: deadline ?? callDeadline, endsWhenCancelled: true, body)
        } catch .deadline(let call) {
            // The end of the caller says nothing of the disk.
            if !Task.isCancelled { Self.hasHung.store(true, ordering: .relaxed) }
            throw .deadline(call: call)
        }
    }

    private static let threads = BlockingCalls(threads: 8)

    /// Whether a disk of this machine once kept a thread beyond its deadline. From then on programs look, which can be left
    /// behind.
    private static let hasHung = Atomic(false)

    /// As `LocalFolders` does, on any host.
    func lookByCommand(_ folders: [String]) async throws(HostError) -> StorageListing {
        let output = try await commands.bytes(
            "bash", ["-c", StorageScripts.list, "infra-list", String(QCOW2Header.observedLength)] + folders,
            outputLimit: StorageListing.sizeLimit)
        return try StorageListing(output, folders: folders)
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
        var doubtful: Set<String> = []
        var headers = listing.headers
        // One that was adopted may be called anything.
        let unread = disks.filter { headers[$0.path] == nil && $0.size >= length }
        headers.merge(try await self.headers(unread, length)) { one, _ in one }
        var seen: [String: FileContents] = [:]
        seen.reserveCapacity(disks.count)
        for file in disks {
            if let contents = headers[file.path].flatMap(QCOW2Header.contents) {
                seen[file.path] = FileContents(
                    size: contents.size, backing: contents.backing, format: Volume.Format.qcow2.rawValue)
            } else {
                doubtful.insert(file.folder)
            }
        }
        return (seen, doubtful)
    }

    /// The first bytes of files, by path; of none when one of them has changed meanwhile.
    private func headers(_ files: [FileRecord], _ length: Int) async throws(HostError) -> [String: ArraySlice<UInt8>] {
        guard !files.isEmpty else { return [:] }
        let bytes: [UInt8]
        do throws(HostError) {
            bytes = try await commands.bytes(
                "xargs", ["--null", "head", "--quiet", "--bytes=\(length)", "--"],
                input: .bytes(files.reduce(into: []) { $0 += Array($1.path.utf8) + [0] }),
                outputLimit: files.count * length)
        } catch .command {
            return [:]
        }
        guard bytes.count == files.count * length else { return [:] }
        return files.indices.reduce(into: [:]) { headers, index in
            headers[files[index].path] = bytes[index * length..<(index + 1) * length]
        }
    }
}
