import CLinux
import Foundation
import Hosts
import Model

/// What `StorageScripts.list` tells of folders, read by this process where they lie on its own machine's file systems
/// (`LocalFileSystems`): no program is started, and no megabyte goes through a pipe, for each look.
enum LocalFolders {
    /// What is in the folders.
    ///
    /// Maps to statvfs(3), readdir(3), fstatat(2), lgetxattr(2), pread(2).
    ///
    /// - Parameter isChanging: whether files come and go meanwhile, and one that has gone is left out.
    /// - Throws: `.command` when a folder, or a file in it, cannot be read, else also one that goes meanwhile: under another
    ///   name it may be there still. `.unreadable` when there is more than any pool has.
    static func list(
        _ folders: [String], isChanging: Bool = false, limit: Int = StorageListing.sizeLimit
    ) throws(HostError) -> StorageListing {
        var listing = StorageListing()
        var room = limit
        for folder in folders { try add(folder, isChanging, to: &listing, &room) }
        return listing
    }

    private static func add(
        _ folder: String, _ isChanging: Bool, to listing: inout StorageListing, _ room: inout Int
    ) throws(HostError) {
        guard let directory = opendir(folder) else { throw failure(folder) }
        defer { closedir(directory) }
        var space = statvfs()
        guard fstatvfs(dirfd(directory), &space) == 0 else { throw failure(folder) }
        let unit = UInt64(space.f_frsize)
        listing.space[folder] = (
            UInt64(space.f_blocks).multipliedSaturating(by: unit), UInt64(space.f_bfree).multipliedSaturating(by: unit)
        )
        while true {
            errno = 0
            guard let entry = readdir(directory) else {
                guard errno == 0 else { throw failure(folder) }
                return
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) {
                    Array(UnsafeBufferPointer(start: $0, count: strlen($0) + 1))
                }
            }
            if name == [0x2e, 0] || name == [0x2e, 0x2e, 0] { continue }
            room -= try add(name, in: folder, dirfd(directory), isChanging, to: &listing)
            guard room >= 0 else {
                throw .unreadable("\(CommandText.printable(folder)) has more in it than a pool has")
            }
        }
    }

    /// - Parameter name: ends with a zero byte, and need not be UTF-8.
    /// - Returns: how many bytes are held of it.
    private static func add(
        _ name: [CChar], in folder: String, _ directory: Int32, _ isChanging: Bool, to listing: inout StorageListing
    ) throws(HostError) -> Int {
        var status = stat()
        guard fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            guard isChanging, errno == ENOENT else { throw failure(folder) }
            listing.hasMissed = true
            return 0
        }
        let place = folder.utf8.map { CChar(bitPattern: $0) } + [CChar(bitPattern: UInt8(ascii: "/"))] + name
        let file = FileRecord(
            path: String(decoding: place.dropLast().lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self),
            isPlain: status.st_mode & S_IFMT == S_IFREG, size: UInt64(clamping: status.st_size),
            allocation: UInt64(clamping: status.st_blocks).multipliedSaturating(by: 512))
        var size = place.count
        if file.isPlain {
            switch mark(place) {
            case .value(let data):
                listing.marks[file.path] = FileMark(data: data)
                size += data.count
            case .none: break
            case .error(ENOENT) where isChanging:
                listing.hasMissed = true
                return 0
            case .error(let number): throw failure(file.path, number)
            }
            if file.showsHeader {
                listing.headers[file.path] = head(name, directory)
                size += QCOW2Header.observedLength
            }
        }
        listing.files.append(file)
        return size
    }

    enum Mark {
        case none
        case value(Data)
        case error(Int32)
    }

    /// The mark of a file.
    ///
    /// - Parameter path: ends with a zero byte, and need not be UTF-8.
    static func mark(_ path: [CChar]) -> Mark {
        // The most that the kernel keeps is tried only where a mark is longer than any of ours.
        for size in [1 << 12, 1 << 16] {
            var bytes = [UInt8](repeating: 0, count: size)
            let count = lgetxattr(path, FileMark.attribute, &bytes, size)
            if count >= 0 { return .value(Data(bytes.prefix(count))) }
            guard errno == ERANGE else { break }
        }
        return errno == ENODATA || errno == ENOTSUP ? .none : .error(errno)
    }

    /// The first bytes of a file; nil where there are not as many.
    private static func head(_ name: [CChar], _ directory: Int32) -> ArraySlice<UInt8>? {
        let descriptor = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: QCOW2Header.observedLength)
        return pread(descriptor, &bytes, bytes.count, 0) == bytes.count ? bytes[...] : nil
    }

    private static func failure(_ path: String, _ number: Int32 = errno) -> HostError {
        let reason = "\(CommandText.printable(path)): \(String(cString: strerror(number)))"
        return .command(program: "the look at a folder", status: 1, standardError: reason)
    }
}
