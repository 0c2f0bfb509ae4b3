import Foundation
public import Hosts
public import Model

extension StorageDriver {
    /// Makes the volume of `volume.status`: empty, a layer over its image, or a copy of it. Mode 0600 and marked. One that
    /// is to hold what a machine brings from another host is empty but for the layers below it.
    ///
    /// - Parameters:
    ///   - pools: the declared pools, which a logical volume is made after.
    ///   - isImageRead: whether the plan knew what a guest sees of its image, and that the volume is no smaller.
    /// - Throws: `.surprise` when a file that is not this volume has its name, its image is not stored or larger, or its pool
    ///   has no room.
    public func createVolume(
        _ volume: Volume, pools: [StoragePool] = [], isImageRead: Bool = true
    ) async throws(HostError) {
        try await createVolume(volume, pools: pools, isImageRead: isImageRead, from: nil) { () throws(HostError) in }
    }

    /// - Parameters:
    ///   - contents: what it is filled with; its image when nil.
    ///   - check: called once it is filled. When it throws, nothing is made.
    func createVolume(
        _ volume: Volume, pools: [StoragePool], isImageRead: Bool, from contents: StoredImage?,
        check: () async throws(HostError) -> Void
    ) async throws(HostError) {
        if let plan = try logical(volume) {
            return try await createLogical(volume, plan, pools: pools, from: contents, check: check)
        }
        let plan = try await planned(volume)
        switch try await target(plan.path) {
        case .missing where volume.spec.file != nil && plan.mark.copy == nil:
            throw .surprise("\(plan.path) is not there; a file with a name of its own is never made")
        case .missing: try await requireNoOther(plan)
        case .file(let mark):
            guard let mark = mark?.volume(plan.id, in: identity) else {
                throw .surprise("\(plan.path) is there and not ours")
            }
            guard plan.mark.copy == nil, mark.copy == nil else {
                throw .surprise("a copy of Volume/\(plan.id) is at \(plan.path) already")
            }
            try await takeUp(volume, plan, mark)
            return
        case .other: throw .surprise("\(plan.path) is there and not ours")
        }
        let staged = plan.path + Identity.stagedSuffix
        try await removeUnfinished(staged)
        let isEmpty = plan.mark.copy?.isUnfilled == true && volume.status?.backing == nil
        let image: StoredImage?
        if let contents { image = contents } else { image = isEmpty ? nil : try await self.image(of: volume, plan) }
        if let image, contents == nil, !isImageRead { try await requireRoom(for: image, in: volume) }
        do throws(HostError) {
            try await fill(staged, volume.spec, image, isLayer: volume.status?.backing != nil)
            try await check()
            try await finish(plan.path, staged: staged, mark: try FileMark(plan.mark), mode: 0o600)
        } catch {
            try? await removeUnfinished(staged)
            let isCopied = volume.status?.backing == nil
            let size = isCopied ? try? await image?.takes(commands, as: volume.spec.format.rawValue) : nil
            throw await withoutRoom(error, at: staged, for: size)
        }
    }

    /// A volume of that identity is there: made a moment ago, or kept from an earlier life and out of sight when the plan
    /// was made, because its pool was.
    func takeUp(_ volume: Volume, _ plan: Planned, _ mark: Volume.Mark) async throws(HostError) {
        guard mark.retained || mark.origin != plan.mark.origin else { return }
        guard volume.spec.reuse else {
            throw .surprise("\(plan.path) was kept when it left the fleet; say `reuse: true` to take it up again")
        }
        var taken = plan.mark
        taken.origin = mark.origin
        try await commands.run(
            "setfattr", ["--restore=-"], input: .bytes(try FileMark(taken).dump(path: plan.path)), underLock: true)
    }

    /// Grows the volume to its size. No running machine may use it; QEMU's lock on the file tells.
    ///
    /// - Parameter pools: the declared pools, whose limits hold for a logical volume.
    /// - Throws: `.surprise` when it is larger already, or not ours.
    public func growVolume(_ volume: Volume, pools: [StoragePool] = []) async throws(HostError) {
        if let plan = try logical(volume) {
            if try require(plan, try await report()).isOpen {
                throw .surprise("\(plan.path) is open; something uses it")
            }
            try await extendVolume(volume, pools: pools)
            return try await finishGrowth(of: volume)
        }
        let plan = try await planned(volume)
        try await requireUnmapped(try await requireMark(plan), plan.path)
        let format = volume.spec.format.rawValue
        let size = try await virtualSize(plan.path, format)
        guard size <= volume.spec.size.bytes else {
            throw .surprise(
                "\(plan.path) has \(ByteCount(size)), more than \(volume.spec.size); it is not made smaller")
        }
        if size == volume.spec.size.bytes { return }
        try await commands.run(
            "qemu-img", ["resize", "-q", "-f", format, "--", plan.path, String(volume.spec.size.bytes)],
            underLock: true)
    }

    /// Rewrites the mark.
    ///
    /// - Throws: `.surprise` when the volume is not there or not ours.
    public func markVolume(_ volume: Volume) async throws(HostError) {
        if let plan = try logical(volume) {
            let there = try require(plan, try await report())
            if plan.mark.copy?.isUnfilled == false, there.isOpen {
                throw .surprise("\(plan.path) is open; something uses it")
            }
            return try await setMark(plan, plan.mark, there)
        }
        let plan = try await planned(volume)
        if try await requireMark(plan) == plan.mark { return }
        if plan.mark.copy?.isUnfilled == false { try await requireUnused(volume) }
        try await commands.run(
            "setfattr", ["--restore=-"], input: .bytes(try FileMark(plan.mark).dump(path: plan.path)), underLock: true)
    }

    /// Deletes the volume and its data.
    ///
    /// - Throws: `.surprise` when it is not ours, when its own mark does not say `deletion: delete`, or when a running
    ///   QEMU has it open.
    public func removeVolume(_ volume: Volume) async throws(HostError) {
        if let plan = try logical(volume) { return try await removeLogical(plan) }
        let plan = try await planned(volume)
        if try await target(plan.path) == .missing { return }
        let mark = try await requireMark(plan)
        guard mark.deletion == .delete else {
            throw .surprise("the mark of \(plan.path) does not say `deletion: delete`")
        }
        try await requireUnmapped(mark, plan.path)
        try await requireLetGo(volume, at: plan.path)
        try await removeFile(plan.path)
    }

    /// Throws `.surprise` when a layer lies over a volume's file, or a running QEMU has it open.
    func requireLetGo(_ volume: Volume, at path: String) async throws(HostError) {
        try await requireNoLayer(over: path)
        do throws(HostError) {
            try await requireUnused(volume)
        } catch .command(_, 1, _) {
            // Damaged contents are no reason to keep them; a check that did not run is.
        }
    }

    /// Throws `.surprise` when the volume has a file with the other of its names, unless what is made is a copy beside that: its
    /// pool was perhaps not seen when the plan was made.
    func requireNoOther(_ plan: Planned) async throws(HostError) {
        guard plan.mark.copy?.isOfPool != true, let other = identity.otherPath(of: plan.path),
            try await target(other) != .missing
        else { return }
        throw .surprise("\(other) is there, where Volume/\(plan.id) may lie; plan again")
    }

    struct Planned {
        let id: String
        let path: String
        let mark: Volume.Mark
    }

    func planned(_ volume: Volume) async throws(HostError) -> Planned {
        let id = volume.metadata.identity
        guard let status = volume.status, let mark = status.mark, mark.fleet == identity.fleet, mark.id == id,
            mark.file == volume.spec.file
        else { throw .surprise("the plan has no mark of ours for Volume/\(CommandText.printable(id))") }
        if let name = mark.file {
            let file = FileRecord(path: status.path, isPlain: true, size: 0, allocation: 0)
            guard file.name == name, FileRole(name: name, identity: identity) == nil else {
                throw .surprise("the plan has another file than its own for Volume/\(CommandText.printable(id))")
            }
            try await requirePool(of: file)
            return Planned(id: id, path: status.path, mark: mark)
        }
        guard case .volume(id, volume.spec.format, staged: false) = try await role(ofPath: status.path)
        else { throw .surprise("the plan has no path of ours for Volume/\(CommandText.printable(id))") }
        return Planned(id: id, path: status.path, mark: mark)
    }

    func requireMark(_ plan: Planned) async throws(HostError) -> Volume.Mark {
        guard case .file(let file) = try await target(plan.path), let mark = file?.volume(plan.id, in: identity) else {
            throw .surprise("\(plan.path) is not there any more, or does not carry the mark of Volume/\(plan.id)")
        }
        return mark
    }

    /// The stored image that a new volume starts from, with its format; nil for an empty volume.
    private func image(of volume: Volume, _ plan: Planned) async throws(HostError) -> StoredImage? {
        guard let origin = plan.mark.origin else { return nil }
        let folder = FileRecord(path: plan.path, isPlain: true, size: 0, allocation: 0).folder
        for format in [Image.Format.qcow2, .raw, .iso] {
            let path = "\(folder)/\(identity.imageFileName(sha256: origin, format))"
            guard volume.status?.backing == nil || volume.status?.backing == path else { continue }
            if case .file = try await target(path) {
                return StoredImage(path: path, format: format == .qcow2 ? "qcow2" : "raw")
            }
        }
        throw .surprise("the image \(origin) that Volume/\(plan.id) starts from is not stored in its pool")
    }

    /// Throws `.surprise` when the image holds a larger disk than the volume: as a layer, that would cut off its end.
    private func requireRoom(for image: StoredImage, in volume: Volume) async throws(HostError) {
        let (size, bytes) = try await header(image.path)
        let least = ByteCount(image.format == "qcow2" ? QCOW2Header.virtualSize(bytes) ?? size : size)
        guard least <= volume.spec.size else {
            throw .surprise("\(volume.spec.size) is smaller than its image, which holds a disk of \(least)")
        }
    }

    func fill(
        _ staged: String, _ spec: Volume.Spec, _ image: StoredImage?, isLayer: Bool
    ) async throws(HostError) {
        let format = spec.format.rawValue
        let size = String(spec.size.bytes)
        if let image, !isLayer || spec.format == .raw {
            try await commands.run(
                "qemu-img", ["convert", "-q", "-f", image.format, "-O", format, "--", image.path, staged],
                deadline: Self.copyTime(spec.size), underLock: true)
            try await commands.run(
                "qemu-img", ["resize", "-q", "-f", format, "--", staged, size], underLock: true)
        } else {
            let layer = image.map { ["-b", $0.path, "-F", $0.format] } ?? []
            try await commands.run(
                "qemu-img", ["create", "-q", "-f", format] + layer + ["--", staged, size], underLock: true)
        }
    }

    func virtualSize(_ path: String, _ format: String) async throws(HostError) -> UInt64 {
        try Self.virtualSize(try await commands.run("qemu-img", ["info", "--output=json", "-f", format, "--", path]))
    }

    /// The size that a guest sees, as `qemu-img info --output=json` tells it.
    static func virtualSize(_ output: CommandOutput) throws(HostError) -> UInt64 {
        do {
            return try JSONDecoder().decode(DiskInfo.self, from: Data(output.text.utf8)).size
        } catch {
            throw .unreadable("qemu-img wrote what cannot be read: \(CommandText.printable(reason(error)))")
        }
    }

    private struct DiskInfo: Decodable {
        let size: UInt64

        enum CodingKeys: String, CodingKey {
            case size = "virtual-size"
        }
    }
}
