import Foundation
public import Hosts
public import Model

extension StorageDriver {
    /// Stores an image under its digest, mode 0444. The digest is computed on the host, over what arrived there.
    ///
    /// - Parameter localPath: the file on the controller; a symbolic link is refused.
    /// - Throws: `.surprise` when the bytes are others than declared, or a qcow2 file refers to any other file, is
    ///   encrypted or damaged, or when its pool has no room.
    public func importImage(_ image: Image, from localPath: String) async throws(HostError) {
        guard let place = try await place(of: image) else { return }
        let staged = place.path + Identity.stagedSuffix
        do throws(HostError) {
            try await run(
                StorageScripts.receive, [staged, place.sha256], input: .file(localPath), deadline: Self.copyDeadline)
            try await store(image, place, staged: staged)
        } catch {
            try? await removeUnfinished(staged)
            let size = try? URL(filePath: localPath).resourceValues(forKeys: [.fileSizeKey]).fileSize
            throw await withoutRoom(error, at: staged, for: size.map { UInt64($0) })
        }
    }

    /// Where an image is to lie, and its digest; nil when it is there.
    ///
    /// - Throws: `.surprise` when the plan has no path of ours for it, or when something else is there.
    func place(of image: Image) async throws(HostError) -> (path: String, sha256: String)? {
        guard let status = image.status, let sha256 = image.spec.sha256,
            case .image(sha256, image.spec.format, staged: false) = try await role(ofPath: status.path)
        else { throw .surprise("the plan has no path of ours for Image/\(image.metadata.identity)") }
        switch try await target(status.path) {
        case .file: return nil
        case .other: throw .surprise("\(status.path) is there and no plain file")
        case .missing: return (status.path, sha256)
        }
    }

    /// Gives a file whose digest is the image's the image's name, unless it would lead QEMU elsewhere.
    func store(_ image: Image, _ place: (path: String, sha256: String), staged: String) async throws(HostError) {
        if image.spec.format == .qcow2 { try await checkHeader(staged) }
        let mark = try FileMark(ImageMark(fleet: identity.fleet, sha256: place.sha256))
        try await finish(place.path, staged: staged, mark: mark, mode: 0o444)
    }

    /// Removes a stored image.
    ///
    /// - Throws: `.surprise` when a volume in its pool is a layer over it.
    public func removeImage(_ image: Image) async throws(HostError) {
        guard let path = image.status?.path, case .image(_, _, staged: false) = try await role(ofPath: path) else {
            throw .surprise("the plan has no path of ours for Image/\(image.metadata.identity)")
        }
        switch try await target(path) {
        case .missing: return
        case .other: throw .surprise("\(path) is no plain file")
        case .file: break
        }
        try await requireNoLayer(over: path)
        try await removeFile(path)
    }

    /// Looks for files in the pools of ours in that folder that are layers over a file.
    ///
    /// - Throws: `.surprise` when there is one: without what it is a layer over, it is worth nothing.
    func requireNoLayer(over path: String) async throws(HostError) {
        let folder = FileRecord(path: path, isPlain: true, size: 0, allocation: 0).folder
        let layers = try await shared.layers(in: folder).answer { () throws(HostError) in
            if let own = try await layersByHeader(in: folder) { return own }
            return try await layersByLibvirt(in: folder)
        }
        if let layer = layers[path] { throw .surprise("\(CommandText.printable(layer)) is a layer over \(path)") }
    }

    /// The files in a folder that are layers, by what they are layers over, as their headers have it; nil where a program has
    /// to look, or a file is not ours or not plain to read.
    private func layersByHeader(in folder: String) async throws(HostError) -> [String: String]? {
        guard mayRead([folder]) else { return nil }
        guard let listing = try await wholeListing(of: folder) else { return nil }
        let reading = StorageReading(host: host, identity: identity)
        guard listing.files.allSatisfy({ $0.isPlain && reading.isOurs($0, listing.marks[$0.path]) }) else { return nil }
        let (seen, doubtful) = try await contents(of: listing)
        guard doubtful.isEmpty else { return nil }
        return seen.reduce(into: [:]) { layers, file in
            if let backing = file.value.backing { layers[backing] = file.key }
        }
    }

    /// What is in a folder in which other steps remove and rename; nil when some of it went each time that it was read.
    private func wholeListing(of folder: String) async throws(HostError) -> StorageListing? {
        for _ in 0..<5 {
            let listing = try await byItself("reading a pool's folder") { () throws(HostError) in
                try LocalFolders.list([folder], isChanging: true)
            }
            if !listing.hasMissed { return listing }
        }
        return nil
    }

    private func layersByLibvirt(in folder: String) async throws(HostError) -> [String: String] {
        var layers: [String: String] = [:]
        for record in try await pools().values where record.folder == folder {
            try await connection.refreshStoragePool(record.uuid, deadline: callDeadline)
            for volume in try await connection.storageVolumes(inPool: record.uuid, deadline: callDeadline) {
                if let backing = volume.backing { layers[backing] = volume.path }
            }
        }
        return layers
    }

    /// Removes an unfinished file or logical volume.
    ///
    /// - Throws: `.surprise` when its name is not that of an unfinished file of this fleet.
    public func removeStaged(_ path: String) async throws(HostError) {
        let parts = path.split(separator: "/")
        if path.hasPrefix("/dev/"), path.hasSuffix(Identity.stagedSuffix), parts.count == 3 {
            // LVM has no such name: a tag says that the volume is unfinished.
            return try await removeStagedLogical(
                String(parts[1]), String(parts[2].dropLast(Identity.stagedSuffix.count)))
        }
        guard try await role(ofPath: path).isStaged else { throw .surprise("\(path) is not an unfinished file") }
        try await removeUnfinished(path)
    }

    /// Reads the header ourselves: QEMU opens what a file names before it tells of it.
    private func checkHeader(_ path: String) async throws(HostError) {
        let (size, bytes) = try await header(path)
        if let objection = QCOW2Header.objection(to: bytes, fileSize: size) {
            throw .surprise("the image is refused: \(objection)")
        }
    }

    /// A plain file's size and its first bytes.
    func header(_ path: String) async throws(HostError) -> (size: UInt64, bytes: [UInt8]) {
        let text = try await commands.run("bash", ["-c", StorageScripts.header, "infra-inspect", path]).text
        let lines = text.split(separator: "\n", maxSplits: 1)
        guard let size = lines.first.flatMap({ UInt64($0) }) else {
            throw .unreadable("stat wrote no size of \(CommandText.printable(path))")
        }
        return (size, QCOW2Header.bytes(dump: lines.dropFirst().joined()))
    }
}
