import Model

extension HostPlanner {
    /// Images are stored where a new volume or a direct boot needs them, and never changed.
    mutating func planImages() {
        let stored = Set(observed.images.compactMap { $0.status.flatMap { $0.staged ? nil : $0.path } })
        for image in expectation.inventory.images {
            guard let status = image.status, !stored.contains(status.path), shared.steps[status.path] == nil
            else { continue }
            let resource = ResourceID(.image, image.metadata.identity)
            let pool = ResourceID(.storagePool, status.pool)
            if isHeld(resource, area: .storage, needs: [pool]) || isPoolUnknown(status.pool, resource) { continue }
            if isInTheWay(status.path, of: resource) { continue }
            let source = image.spec.url.flatMap { ImageURL($0) }.map { "; fetched from \($0.shown)" } ?? ""
            add(
                resource, .create, .importImage(image), reason: "not stored in \(pool)\(source)",
                after: [id(pool, "create"), id(pool, "start")] + stagedRemoval(of: status.path))
        }
    }

    /// Whether an observed image is the part of one that is still to be fetched here, or for another host that shares the pool.
    func isFetched(_ image: Image) -> Bool {
        guard let status = image.status, let digest = image.spec.sha256, !options.destroys,
            let whole = Identity.whole(ofPart: status.path)
        else { return false }
        if observed.images.contains(where: { $0.status?.path == whole && $0.status?.staged == false }) { return false }
        let isNeeded = expectation.inventory.images.contains { $0.status?.path == whole && $0.spec.url != nil }
        return isNeeded || shared.contains(status.pool) && expectation.isFetched(digest)
    }

    /// Stored images that nothing declares any more.
    mutating func planUnusedImages() {
        let needed = Set(expectation.inventory.images.compactMap { $0.status?.path })
        for image in observed.images where image.status?.staged == false {
            // Whether another host needs it is not to be seen from here.
            if shared.contains(image.status?.pool ?? "") { continue }
            if let path = image.status?.path, !needed.contains(path) { planUnused(image, path) }
        }
    }

    /// An image that nothing needs any more stays while a chain uses it. Else it is listed; it goes when that is asked for, and
    /// with the fleet.
    private mutating func planUnused(_ image: Image, _ path: String) {
        let resource = ResourceID(.image, image.metadata.identity)
        let layers = observed.volumes.filter { $0.status?.backing == path }
        guard options.destroys else {
            let users = observed.machines.filter { $0.allPaths.contains(path) }
            if layers.isEmpty, users.isEmpty { planUnasked(image, resource, path) }
            return
        }
        let kept = layers.first {
            $0.status?.mark?.deletion != .delete || ($0.isDeleted ? !isGoing($0) : staysWhenDeleted($0))
        }
        if let layer = kept {
            note("image-kept", "stays: Volume/\(layer.metadata.identity), which is kept, is a layer over it", resource)
            return
        }
        if isHeld(resource, area: .storage) { return }
        let users = observed.machines.filter { $0.allPaths.contains(path) }
        if let reason = reasonToStay(users) {
            block(resource, reason)
            return
        }
        add(
            resource, .delete, .removeImage(image), reason: "used by nothing any more",
            after: layers.flatMap { layer in
                ["remove", "expire"].map { id(ResourceID(.volume, layer.metadata.identity), $0) }
            }
                + users.flatMap { releases(of: $0.metadata.identity) })
    }

    /// One that the manifests name serves the next disk. What is in none goes by an option alone: no digest brings it back.
    private mutating func planUnasked(_ image: Image, _ resource: ResourceID, _ path: String) {
        let isDeclared = image.spec.sha256.map(expectation.mayBeDeclared) ?? true
        guard options.removesUnusedImages, !isDeclared else {
            note(
                "image-unused", "stored as \(path), used by nothing", resource,
                help: isDeclared ? nil : "`infra apply --unused-images` removes it")
            return
        }
        if let area = observed.unknown.first(where: { [.storage, .compute, .host].contains($0.area) }) {
            return block(resource, "not all that may use it could be observed: \(area.reason)")
        }
        add(resource, .delete, .removeImage(image), reason: "used by nothing, and in no manifest")
    }

    /// Blocks a resource whose pool's contents are unknown.
    mutating func isPoolUnknown(_ pool: String, _ resource: ResourceID) -> Bool {
        guard let reason = unknown(.storage, ResourceID(.storagePool, pool)) else { return false }
        block(resource, "the contents of StoragePool/\(pool) could not be observed: \(reason)")
        return true
    }

    /// Blocks a resource where a file that is not ours has its name.
    mutating func isInTheWay(_ path: String, of resource: ResourceID) -> Bool {
        guard observed.foreign.contains(where: { $0.kind == .file && $0.name == path }) else { return false }
        block(resource, "\(path) is there and not ours")
        return true
    }
}
