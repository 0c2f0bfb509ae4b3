import Hosts
public import Model

/// What there is of storage on a host.
public struct StorageObservation: Hashable, Sendable {
    /// Our pools, sorted by identity.
    public var pools: [StoragePool] = []
    /// Our stored images and unfinished copies of them, named by their digest, sorted by path. An unfinished seed is
    /// listed as an unfinished image too, named `<machine>.seed`, so that it is removed.
    public var images: [Image] = []
    /// Our volumes and unfinished ones, sorted by path.
    public var volumes: [Volume] = []
    /// Our seeds, by the machine's identity.
    public var seeds: [String: VirtualMachine.Seed] = [:]
    /// The targets of the iSCSI server that runs on the host; none where nobody asked.
    public var targets: [ISCSITarget] = []
    /// Pools that are not ours with their folders, and everything else that lies in a pool of ours.
    public var foreign: [ForeignObject] = []
    /// What a manifest could adopt: pools, and files in pools of ours and in those.
    public var adoptable = Adoptable()
    /// What could not be observed: all of it, a pool that is not started, a volume that libvirt does not see.
    public var unknown: [UnknownArea] = []
}

/// What a file is besides its name: by its own header when it is ours, by libvirt's look at it when it is not.
struct FileContents: Hashable, Sendable {
    /// The size a guest sees, in bytes.
    var size: UInt64
    /// The file it is a layer over.
    var backing: String?
    /// What its bytes look like, which a guest that writes them may choose: `qcow2`, `raw`, `iso` …
    var format: String?
}

/// Makes sense of what was read of the pools' folders.
struct StorageReading {
    let host: String
    let identity: Identity
    var result = StorageObservation()

    init(host: String, identity: Identity) {
        self.host = host
        self.identity = identity
    }

    /// A file in the folder of a pool of ours, or of one that is to be.
    ///
    /// - Parameters:
    ///   - seen: what libvirt says of it, which for qcow2 is the size a guest sees and the file below.
    mutating func add(_ file: FileRecord, inPool pool: String, mark: FileMark?, seen: FileContents?) {
        if let own = mark?.adopted(file, in: identity), let format = own.format {
            return addVolume(file, pool, own.id, format, false, mark, seen)
        }
        let role = file.isPlain ? FileRole(name: file.name, identity: identity) : nil
        switch role {
        case .volume(let id, let format, let staged):
            addVolume(file, pool, id, format, staged, mark, seen)
        case .image(let sha256, let format, let staged):
            addImage(named: sha256, file, pool, Image.Spec(sha256: sha256, format: format), staged)
        case .seed(let machine, staged: true):
            addImage(named: "\(machine).seed", file, pool, Image.Spec(format: .iso), true)
        case .seed(let machine, staged: false):
            if let mark = mark?.seed(of: machine, in: identity) {
                result.seeds[machine] = VirtualMachine.Seed(path: file.path, digest: mark.digest, salt: mark.salt)
            } else {
                addForeign(file, mark)
            }
        case nil: addOther(file, pool, mark, seen)
        }
    }

    /// Whether a file's name or its mark makes it one of this fleet's.
    func isOurs(_ file: FileRecord, _ mark: FileMark?) -> Bool {
        FileRole(name: file.name, identity: identity) != nil || mark?.adopted(file, in: identity) != nil
    }

    private mutating func addVolume(
        _ file: FileRecord, _ pool: String, _ id: String, _ format: Volume.Format, _ staged: Bool,
        _ fileMark: FileMark?,
        _ seen: FileContents?
    ) {
        let resource = ResourceID(.volume, id)
        let mark = fileMark?.volume(id, in: identity)
        // A name of ours without a mark of ours is in the way, and nobody's to overwrite or remove.
        guard staged || mark != nil else { return addForeign(file, fileMark) }
        // Of a raw disk libvirt believes what the guest wrote into it; its size is the file's.
        var size = ByteCount(file.size)
        if format == .qcow2, !staged {
            guard let seen else {
                result.unknown.append(
                    UnknownArea(.storage, resource: resource, reason: "libvirt does not see \(file.path) in its pool"))
                return
            }
            size = ByteCount(seen.size)
        }
        let backing = format == .qcow2 ? seen?.backing : nil
        result.volumes.append(
            Volume(
                metadata: Metadata(name: id),
                spec: Volume.Spec(
                    pool: pool, size: size, clone: backing == nil ? .full : .linked, format: format,
                    deletion: mark?.deletion ?? .retain, file: mark?.file),
                status: Volume.Status(
                    host: host, uuid: identity.uuid(resource), path: file.path, mark: mark, backing: backing,
                    allocation: ByteCount(file.allocation), staged: staged)))
    }

    private mutating func addImage(
        named name: String, _ file: FileRecord, _ pool: String, _ spec: Image.Spec, _ staged: Bool
    ) {
        result.images.append(
            Image(
                metadata: Metadata(name: name), spec: spec,
                status: Image.Status(host: host, pool: pool, path: file.path, staged: staged)))
    }

    /// A file that is not ours. With its name and what libvirt says of it a manifest can name it, unless it has a mark.
    private mutating func addOther(
        _ file: FileRecord, _ pool: String, _ mark: FileMark?, _ seen: FileContents?
    ) {
        guard mark == nil, file.isPlain, let seen, let format = seen.format.flatMap({ Volume.Format(rawValue: $0) })
        else { return addForeign(file, mark, obstacle: Self.obstacle(file, mark, seen)) }
        addForeign(file, nil)
        result.adoptable.volumes.append(
            Volume(
                metadata: Metadata(name: file.name),
                spec: Volume.Spec(
                    pool: pool, size: ByteCount(format == .raw ? file.size : seen.size),
                    clone: format == .qcow2 && seen.backing != nil ? .linked : .full, format: format),
                status: Volume.Status(
                    host: host, uuid: identity.uuid(ResourceID(.volume, file.name)), path: file.path,
                    backing: format == .qcow2 ? seen.backing : nil, allocation: ByteCount(file.allocation))))
    }

    private static func obstacle(_ file: FileRecord, _ mark: FileMark?, _ seen: FileContents?) -> String {
        if let mark { return mark.owner.isEmpty ? "it carries another mark" : "it belongs to \(mark.owner)" }
        guard file.isPlain else { return "it is no plain file" }
        guard let seen else { return "libvirt does not see it in its pool" }
        return "its format is \(CommandText.printable(seen.format ?? "unknown")), not qcow2 or raw"
    }

    private mutating func addForeign(_ file: FileRecord, _ mark: FileMark?, obstacle: String? = nil) {
        result.foreign.append(
            ForeignObject(
                kind: .file, name: CommandText.printable(file.path), owner: mark?.owner ?? "", obstacle: obstacle))
    }
}
