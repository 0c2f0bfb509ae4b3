import Model

/// Volumes whose files are copied within their pool: what is a layer and is to be none, and what is to lose its zeros. A file
/// is never changed in its place: under QEMU 7.2 both `block-stream` and `qemu-img rebase` have moments in which a crash loses
/// what they have read from below.
extension HostPlanner {
    /// Whether a volume's file is to be copied to the other of its two names.
    func isRewritten(_ volume: Volume, _ seen: Volume) -> Bool {
        guard let path = seen.status?.path, let wanted = volume.status?.path, path != wanted else { return false }
        return identity.otherPath(of: path) == wanted
    }

    /// A layer that is to be none stays one where no file is copied within its pool.
    mutating func tellLayer(_ volume: Volume, _ seen: Volume, _ resource: ResourceID) {
        guard volume.spec.clone == .full, let backing = seen.status?.backing else { return }
        let why: String
        if volume.spec.file != nil {
            why = "a file with a name of its own is not copied within its pool"
        } else if shared.contains(volume.spec.pool) {
            why = "what several hosts reach is not copied within its pool in this version"
        } else {
            why = "it is copied by the next run, since its machine comes from another host now"
        }
        note("volume-clone", "stays a layer over \(backing): \(why)", resource)
    }

    /// Refuses to copy what cannot be copied without its zeros.
    ///
    /// - Parameter seen: what counts on this host, by volume.
    mutating func refuseSparsifying(_ seen: [String: Volume]) {
        for volume in expectation.inventory.volumes where options.sparsified.contains(volume.metadata.identity) {
            let resource = ResourceID(.volume, volume.metadata.identity)
            guard incoming[resource.id] == nil, let there = seen[resource.id], there.status?.mark?.copy == nil,
                let path = there.status?.path,
                there.spec.pool == volume.spec.pool, there.spec.format == volume.spec.format
            else { continue }
            let user = observed.machines.first { $0.status?.state.isActive == true && $0.allPaths.contains(path) }
            if let user {
                refuse(
                    "sparsify", "VirtualMachine/\(user.metadata.identity) runs with it", resource,
                    help: "`fstrim` in the guest gives back what its file systems do not use; or stop it first")
            } else if !isRewritten(volume, there) {
                refuse(
                    "sparsify", "\(path) is not copied within its pool", resource,
                    help: "only a file that no other host reaches, with a name that infra gave it, is")
            }
        }
    }
}
