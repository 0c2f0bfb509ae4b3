import Model

/// What the manifests call stored images, which hosts know by their digests.
struct ImageNames {
    private var byDigest: [String: Set<String>] = [:]
    private var byPath: [String: Set<String>] = [:]
    private let undigested: Set<String>

    /// By the digests in the manifests; of an image that has none there, by what its disks were made from and its machines
    /// boot.
    init(_ manifest: FleetManifest, observed: [String: HostInventory]) {
        undigested = Set(manifest.images.filter { $0.spec.sha256 == nil }.map(\.metadata.identity))
        for image in manifest.images {
            if let sha256 = image.spec.sha256 { byDigest[sha256, default: []].insert(image.metadata.identity) }
        }
        guard !undigested.isEmpty else { return }
        var sources = manifest.volumes.reduce(into: [String: String]()) { $0[$1.metadata.identity] = $1.spec.image }
        var boots: [String: VirtualMachine.DirectBoot] = [:]
        for machine in manifest.machines {
            boots[machine.metadata.identity] = machine.spec.boot
            for disk in machine.spec.disks {
                sources["\(machine.metadata.identity).\(disk.name)"] = disk.declared?.image
            }
        }
        for inventory in observed.values {
            for volume in inventory.volumes {
                guard let name = sources[volume.metadata.identity], undigested.contains(name),
                    let origin = volume.status?.mark?.origin
                else { continue }
                byDigest[origin, default: []].insert(name)
            }
            for machine in inventory.machines {
                guard let seen = machine.spec.boot, let declared = boots[machine.metadata.identity] else { continue }
                note(declared.kernel, at: seen.kernelPath)
                note(declared.initrd, at: seen.initrdPath)
            }
        }
    }

    private mutating func note(_ name: String?, at path: String?) {
        guard let name, let path, undigested.contains(name) else { return }
        byPath[path, default: []].insert(name)
    }

    /// The names of a stored image, sorted; its digest where it has none.
    func names(of image: Image) -> [String] {
        var names = image.spec.sha256.flatMap { byDigest[$0] } ?? []
        if let path = image.status?.path { names.formUnion(byPath[path] ?? []) }
        return names.isEmpty ? [image.metadata.identity] : names.sorted()
    }

    /// Whether an image of the manifests could be there under a digest that nobody knows.
    func isDigestMissing(of name: String) -> Bool { undigested.contains(name) }
}
