import Foundation
public import Hosts
public import Model

extension StorageDriver {
    /// An image that is stored in a directory pool.
    struct StoredImage {
        let path: String
        /// As qemu-img calls it.
        let format: String

        /// How many bytes a copy in that format takes, zeros left out. A guest may be writing to it.
        func takes(_ commands: CommandRunner, as output: String = "raw") async throws(HostError) -> UInt64 {
            let text = try await commands.run(
                "qemu-img",
                ["measure", "--force-share", "--output=json", "-f", format, "-O", output, "--", path]
            ).text
            do {
                return try JSONDecoder().decode(Measure.self, from: Data(text.utf8)).required
            } catch {
                throw .unreadable("qemu-img wrote what cannot be read: \(CommandText.printable(reason(error)))")
            }
        }

        private struct Measure: Decodable {
            let required: UInt64
        }
    }

    /// The stored image that a volume starts from, in the directory pool that the volume group names; nil for an empty one.
    func image(of plan: Logical, _ pool: StoragePool, _ pools: [StoragePool]) async throws(HostError) -> StoredImage? {
        guard let origin = plan.mark.origin else { return nil }
        guard let images = pools.first(where: { $0.metadata.identity == pool.spec.lvm?.images }) else {
            throw .surprise("StoragePool/\(plan.pool) does not say which directory pool has its images")
        }
        for format in [Image.Format.qcow2, .raw, .iso] {
            let path = "\(images.spec.folder)/\(identity.imageFileName(sha256: origin, format))"
            _ = try await role(ofPath: path)
            if case .file = try await target(path) {
                return StoredImage(path: path, format: format == .qcow2 ? "qcow2" : "raw")
            }
        }
        throw .surprise(
            "the image \(origin) that Volume/\(plan.id) starts from is not stored in \(images.resourceName)")
    }

    /// Copies an image, or another volume, into one of that many bytes that reads as zeros, and writes it through.
    func copy(_ image: StoredImage, to path: String, size: UInt64) async throws(HostError) {
        try await commands.run(
            "qemu-img",
            [
                "convert", "-q", "-n", "--target-is-zero", "-t", "writeback", "-f", image.format, "-O", "raw", "--",
                image.path, path,
            ], deadline: Self.copyTime(ByteCount(size)), underLock: true)
    }

    /// Writes zeros over a part of a volume, in bytes.
    func zero(_ path: String, from start: UInt64, to end: UInt64) async throws(HostError) {
        try await commands.run(
            "blkdiscard", ["--zeroout", "--offset", String(start), "--length", String(end - start), "--", path],
            deadline: Self.copyTime(ByteCount(end - start)), underLock: true)
    }

    /// Grows a logical volume to its size, and says in its tags that the growth is not finished: until it is, whoever reads
    /// the volume gets the size it had.
    ///
    /// - Parameter pools: the declared pools.
    /// - Returns: nothing to be finished when the volume is a file.
    /// - Throws: `.surprise` when it is larger already, not ours, or the thin pool may not promise that much.
    public func extendVolume(_ volume: Volume, pools: [StoragePool]) async throws(HostError) {
        guard let plan = try logical(volume) else { return }
        let report = try await report()
        let there = try require(plan, report)
        let size = volume.spec.size.bytes
        guard there.size <= size else {
            throw .surprise(
                "\(plan.path) has \(ByteCount(there.size)), more than \(volume.spec.size); it is not made smaller")
        }
        let group = try requireGroup(plan.group, of: plan.pool, report)
        try group.requireWhole(size)
        guard there.size < size else { return }
        try await extend(plan, there, by: size - there.size, group, pools, report)
        // Only now: what was added by a run that was cut off may have been written to since.
        if there.pool.isEmpty { try await zero(plan.path, from: there.size, to: size) }
    }

    private func extend(
        _ plan: Logical, _ there: LogicalVolumeRecord, by more: UInt64, _ group: VolumeGroupRecord,
        _ pools: [StoragePool], _ report: LVMReport
    ) async throws(HostError) {
        if there.pool.isEmpty { try group.requireFree(more) }
        if let pool = pools.first(where: { $0.metadata.identity == plan.pool }), let thin = pool.spec.lvm?.thinPool,
            there.pool == thin.name, let record = report.volume(thin.name, in: plan.group)
        {
            try requirePromise(more, pool, thin, record, report)
        }
        if LVMTags.sizeBeforeGrowth(there.tags) == nil {
            try await change(
                "lvchange", Self.adding([LVMTags.growing(from: there.size)]) + ["--", plan.operand])
        }
        try await change("lvextend", ["--size", "\(there.size + more)b", "--", plan.operand])
    }

    /// Says that all who use a logical volume know its size.
    public func finishGrowth(of volume: Volume) async throws(HostError) {
        guard let plan = try logical(volume) else { return }
        let there = try require(plan, try await report())
        guard let before = LVMTags.sizeBeforeGrowth(there.tags) else { return }
        try await change("lvchange", Self.removing([LVMTags.growing(from: before)]) + ["--", plan.operand])
    }
}

extension StoragePool {
    fileprivate var resourceName: String { "StoragePool/\(metadata.identity)" }
}
