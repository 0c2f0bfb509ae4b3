import Model

/// Reads manifests into lists by kind.
struct Loading {
    private(set) var fleets: [Fleet] = []
    private(set) var hosts: [KVMHost] = []
    private(set) var pools: [StoragePool] = []
    private(set) var images: [Image] = []
    private(set) var networks: [Network] = []
    private(set) var volumes: [Volume] = []
    private(set) var machines: [VirtualMachine] = []
    private(set) var snapshots: [Snapshot] = []
    /// Where each `Fleet` document stands, mistaken ones included.
    private(set) var fleetPlaces: [SourceIndex.Place] = []
    private(set) var register = Register()
    private(set) var findings = Findings()
    private(set) var sources: [SourceText] = []

    /// - Parameter size: how much text is read at a time, beside other such portions, in bytes.
    init(_ files: [SourceFile], portion size: Int = Portion.size) {
        let sources = files.map { SourceText($0.bytes) }
        let portions = Portion.read(Portion.divide(sources, size: size)) { Loading(files, sources, $0) }
        self = portions[0]
        // Problems are told as one reading from the beginning finds them.
        for next in portions.dropFirst() where !take(next) {
            self = Loading(files, sources, Portion(all: sources))
            break
        }
    }

    private init(_ files: [SourceFile], _ sources: [SourceText], _ portion: Portion) {
        self.sources = sources
        var reading = Reading(.manifest)
        let decoding = reading.decoding
        for part in portion.parts {
            reading.read(files[part.file], sources[part.file], part.markers) {
                take($0, decoding, file: part.file, files)
            }
        }
        if reading.hasUnknownDocuments { register.isPartial = true }
        findings = decoding.findings
    }

    /// Takes in what follows; false when there is anything to tell of either.
    private mutating func take(_ next: Loading) -> Bool {
        guard findings.all.isEmpty, next.findings.all.isEmpty, register.add(next.register) else { return false }
        fleets += next.fleets
        hosts += next.hosts
        pools += next.pools
        images += next.images
        networks += next.networks
        volumes += next.volumes
        machines += next.machines
        snapshots += next.snapshots
        fleetPlaces += next.fleetPlaces
        return true
    }

    private mutating func take(_ kind: ResourceKind, _ decoding: Decoding, file: Int, _ files: [SourceFile]) {
        let before = decoding.findings.errors
        let place = SourceIndex.Place(file: Int32(clamping: file), line: decoding.tree.nodes[0].line)
        enter(kind, decoding, place, files)
        switch kind {
        case .fleet: decoding.read(Fleet.grammar, since: before, into: &fleets)
        case .host: decoding.read(KVMHost.grammar, since: before, into: &hosts)
        case .storagePool: decoding.read(StoragePool.grammar, since: before, into: &pools)
        case .image: decoding.read(Image.grammar, since: before, into: &images)
        case .network: decoding.read(Network.grammar, since: before, into: &networks)
        case .volume: decoding.read(Volume.grammar, since: before, into: &volumes)
        case .virtualMachine: decoding.read(VirtualMachine.grammar, since: before, into: &machines)
        case .snapshot: decoding.read(Snapshot.grammar, since: before, into: &snapshots)
        }
    }

    private mutating func enter(
        _ kind: ResourceKind, _ decoding: Decoding, _ place: SourceIndex.Place, _ files: [SourceFile]
    ) {
        if kind == .fleet { fleetPlaces.append(place) }
        let tree = decoding.tree
        guard let metadata = tree.value(of: "metadata", in: 0), let node = tree.value(of: "name", in: metadata),
            let name = decoding.text(node), Name.isValid(name)
        else {
            register.isPartial = true
            return
        }
        let id = tree.value(of: "id", in: metadata)
        let identity = id.flatMap { decoding.text($0) } ?? name
        decoding.resource = ResourceID(kind, Wording.shortened(identity, to: 64))
        guard kind != .fleet else { return }
        let entry = Register.Entry(identity: identity, place: place)
        guard let other = register.add(kind, name: name, entry) else { return }
        let first = "\(files[Int(other.file)].printedPath):\(other.line + 1)"
        decoding.fail(
            id ?? node, "duplicate", "there is another \(kind.rawValue) of this name or identity",
            help: "the first is at \(first); give each its own")
    }
}

extension Decoding {
    /// Reads the document in the tree; it is added if nothing was reported about it.
    fileprivate func read<Resource: Sendable>(
        _ grammar: Record<Resource>, since before: Int, into list: inout [Resource]
    ) {
        var resource = grammar.initial
        grammar.read(self, 0, into: &resource)
        if findings.errors == before { list.append(resource) }
    }
}
