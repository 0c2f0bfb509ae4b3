import Model

/// Plans one host: pairs what is expected with what is observed and collects the steps between them.
struct HostPlanner {
    let host: String
    let identity: Identity
    let expectation: Expectation
    let adoption: Adoption
    /// What was observed, with what is adopted among ours. What a step shows first is unknown from then on.
    var observed: HostInventory
    let options: PlanOptions
    let transit: Transit
    let shared: SharedPools
    let vlans: VLANPlaces
    let copies: PoolCopies
    let units: ManagedUnits
    /// The machines that volumes come with, by volume.
    let incoming: [String: Transit.Arrival]
    var steps: [Step] = []
    var blocked: [Blocked] = []
    var problems: [Diagnostic] = []
    var notes: [Diagnostic] = []
    /// Volumes that move to another pool of this host, to another format, or to a copy of their file.
    var poolMoves: [ResourceID: PoolMove] = [:]
    /// The steps that make copies of volumes.
    var clones: [ResourceID: [String]] = [:]
    /// Volumes that grow once their machine has started.
    var growsLater: Set<ResourceID> = []
    /// The volumes of snapshots that are taken now.
    var taken: [Volume] = []
    /// The last step that takes a snapshot of a volume, by its identity.
    var takings: [String: String] = [:]
    /// Steps that take snapshots, each with what is left as it is until then.
    var takenBefore: [(step: String, resources: Set<ResourceID>)] = []
    /// Which machines have volumes as disks.
    lazy var holders = DiskHolders(expectation.inventory.machines, observed: observed.machines)
    private var blockedResources: Set<ResourceID> = []
    private var stagedRemovals: [String: String] = [:]

    init(
        host: String, identity: Identity, expectation: Expectation, adoption: Adoption, options: PlanOptions,
        transit: Transit, shared: SharedPools, vlans: VLANPlaces, copies: PoolCopies, units: ManagedUnits
    ) {
        self.units = units
        self.copies = copies
        self.transit = transit
        self.shared = shared
        self.vlans = vlans
        incoming = transit.incoming
        self.host = host
        self.identity = identity
        self.expectation = expectation
        self.adoption = adoption
        observed = adoption.inventory.withoutFilesOfNoPool(besides: expectation.inventory.pools)
        self.options = options
    }

    /// Plans every kind, those that others need first.
    mutating func run() {
        tellUnknown()
        tellWhatIsNotKept()
        tellSlowGuests()
        for (resource, reason) in options.heldBack.sorted(by: { $0.key < $1.key }) { holdBack(resource, reason) }
        problems += adoption.problems
        for (resource, reason) in adoption.blocked.sorted(by: { $0.key < $1.key }) { block(resource, reason) }
        for (resource, reason) in expectation.impossible.sorted(by: { $0.key < $1.key }) { block(resource, reason) }
        planStaged()
        planPools()
        holdUnleased()
        planImages()
        holdUnrouted()
        holdVLANs()
        planNetworks()
        planVolumes()
        holdUnfiltered()
        planMachines()
        holdPoolMoves()
        holdDisksInUse()
        planSnapshots()
        planRotation()
        planFirewall()
        // What goes comes last: whether anything still needs it is known then.
        planLeavingVolumes()
        planPoolCopies()
        planLeavingNetworks()
        planLeftBootFiles()
        planRouting()
        planUnusedImages()
        planLeavingPools()
        waitForAdoption()
        waitForPools()
    }

    /// A host of which nothing is known is named even where nothing was to be done on it.
    private mutating func tellUnknown() {
        if let reason = observed.unknown.first(where: { $0.area == .host && $0.resource == nil })?.reason {
            block(ResourceID(.host, host), "could not be observed: \(reason)")
        }
    }

    /// `accelerator: auto` that found no KVM which works is told: it is no choice of the manifests.
    private mutating func tellSlowGuests() {
        guard expectation.acceleratorChoices > 0, expectation.inventory.host.spec.accelerator == .auto,
            let status = observed.host.status, status.accelerator == .tcg, !status.acceleratorReason.isEmpty
        else { return }
        note(
            Diagnostic.slowGuests, "guests run by TCG, many times slower than by KVM: \(status.acceleratorReason)",
            ResourceID(.host, host),
            help: "`infra doctor` says what mends it; `accelerator: tcg` at the Host accepts it")
    }

    /// Puts the steps that adopt something before those that do anything to it.
    private mutating func waitForAdoption() {
        guard !adoption.steps.isEmpty else { return }
        let users = Dictionary(grouping: expectation.inventory.machines) { $0.metadata.identity }
        for index in steps.indices {
            let resource = steps[index].resource
            var needed = [resource]
            switch steps[index].operation {
            case .growDisk(_, let machine, _): needed.append(ResourceID(.virtualMachine, machine.metadata.identity))
            default: break
            }
            for machine in resource.kind == .virtualMachine ? users[resource.id] ?? [] : [] {
                needed += machine.references
            }
            let volumes = Set(needed.filter { $0.kind == .volume }.map(\.id))
            needed += expectation.inventory.volumes.filter { volumes.contains($0.metadata.identity) }.map {
                ResourceID(.storagePool, $0.spec.pool)
            }
            if case .importImage(let image) = steps[index].operation, let pool = image.status?.pool {
                needed.append(ResourceID(.storagePool, pool))
            }
            steps[index].after += needed.flatMap { adoption.steps(of: $0) }
        }
        // What is blocked, or waits for what is, stays a stranger's.
        steps = adoption.steps.filter { !isBlocked($0.resource) } + steps
    }

    /// Why something that machines use may not go: one of them stays as it is, or it is not known which there are.
    func reasonToStay(_ users: [VirtualMachine]) -> String? {
        if let area = observed.unknown.first(where: { $0.area == .compute || $0.area == .host }) {
            return "not every machine on the host could be observed: \(area.reason)"
        }
        for user in users {
            let resource = ResourceID(.virtualMachine, user.metadata.identity)
            if isBlocked(resource) { return "\(resource) uses it and is blocked" }
            if isLeftRunning(user) { return "\(resource) uses it until it is next started" }
            if user.status?.state == .saved { return "\(resource) uses it: \(Self.isSaved(user))" }
        }
        return nil
    }

    /// Why nothing can be done about a resource; nil when something can.
    func reasonForBlocking(_ resource: ResourceID) -> String? {
        guard isBlocked(resource) else { return nil }
        return blocked.first { $0.resource == resource }?.reason ?? "refused"
    }

    /// Whether nothing can be done about a resource.
    func isBlocked(_ resource: ResourceID) -> Bool { blockedResources.contains(resource) }

    /// Notes that nothing can be done about a resource.
    mutating func block(_ resource: ResourceID, _ reason: String) {
        guard blockedResources.insert(resource).inserted else { return }
        blocked.append(Blocked(host: host, resource: resource, reason: reason))
    }

    /// Notes that the manifests ask for something of a resource that nothing can do; the rest goes on without it.
    mutating func block(
        _ resource: ResourceID, _ code: String, _ message: String, field: String, help: String? = nil
    ) {
        guard blockedResources.insert(resource).inserted else { return }
        blocked.append(
            Blocked(
                host: host, resource: resource, reason: message,
                problem: Diagnostic(code: code, message, help: help, resource: resource, field: field)))
    }

    private mutating func holdBack(_ resource: ResourceID, _ reason: String) {
        let inventories = [expectation.inventory, observed]
        guard inventories.contains(where: { $0.holds(resource) }) else { return }
        block(resource, reason)
        guard resource.kind == .virtualMachine else { return }
        let disks = inventories.flatMap(\.volumes).map(\.metadata.identity).filter { $0.hasPrefix("\(resource.id).") }
        for disk in Set(disks).sorted() { block(ResourceID(.volume, disk), reason) }
    }

    /// Why a resource of that area is unknown; nil when it was observed.
    func unknown(_ area: UnknownArea.Area, _ resource: ResourceID) -> String? {
        observed.unknown.first {
            ($0.area == area || $0.area == .host) && ($0.resource == nil || $0.resource == resource)
        }?.reason
    }

    /// Blocks a resource that is unknown or that needs a blocked one; true when it is blocked.
    mutating func isHeld(
        _ resource: ResourceID, area: UnknownArea.Area, needs: [ResourceID] = []
    ) -> Bool {
        if let reason = unknown(area, resource) {
            block(resource, "could not be observed: \(reason)")
        } else if !blockedResources.isEmpty {
            // Not `first(where: isBlocked)`, which would copy this value, and is asked for every machine and disk.
            for cause in needs where isBlocked(cause) {
                block(resource, "waits for \(cause), which is blocked")
                break
            }
        }
        return isBlocked(resource)
    }

    /// Adds a step.
    mutating func add(
        _ resource: ResourceID, _ action: Action, _ operation: Operation, _ disruption: Disruption = .none,
        reason: String, changes: [FieldChange] = [], after: [String] = []
    ) {
        let step = Step(
            host: host, resource: resource, action: action, operation: operation, disruption: disruption,
            reason: reason, changes: changes, after: after)
        steps.append(step)
    }

    /// The id of a step on this host.
    func id(_ resource: ResourceID, _ operation: String) -> String {
        Step.id(host: host, resource: resource, operation)
    }

    /// The step that removes what an interrupted run left of making a file, which goes before the file is made anew.
    func stagedRemoval(of path: String?) -> [String] {
        path.flatMap { stagedRemovals[$0 + Identity.stagedSuffix] }.map { [$0] } ?? []
    }

    /// The step that stores the image of that path. Two images with the same bytes are one file.
    func imports(of path: String?) -> [String] {
        if let path, let step = shared.steps[path] { return [step] }
        return expectation.inventory.images.filter { $0.status?.path == path && path != nil }.map {
            id(ResourceID(.image, $0.metadata.identity), Operation.importImage($0).name)
        }
    }

    mutating func note(_ code: String, _ message: String, _ resource: ResourceID, help: String? = nil) {
        notes.append(Diagnostic(.note, code: code, message, help: help, resource: resource))
    }

    mutating func refuse(
        _ code: String, _ message: String, _ resource: ResourceID, field: String? = nil, help: String? = nil
    ) {
        problems.append(Diagnostic(code: code, message, help: help, resource: resource, field: field))
        blockedResources.insert(resource)
    }

    /// Unfinished files of an earlier run. What made them starts over, so they go first; but what is fetched goes on.
    private mutating func planStaged() {
        guard !observed.unknown.contains(where: { $0.area == .host }) else { return }
        let images = observed.images.compactMap { image in
            image.status.flatMap {
                $0.staged && !isFetched(image) ? (ResourceID(.image, image.metadata.identity), $0.path, $0.pool) : nil
            }
        }
        let parts = observed.volumes.filter { $0.status?.staged == true && planNaming(of: $0) }.compactMap(
            \.status?.path)
        let volumes = observed.volumes.compactMap { volume in
            volume.status.flatMap {
                $0.staged && !parts.contains($0.path)
                    ? (ResourceID(.volume, volume.metadata.identity), $0.path, volume.spec.pool) : nil
            }
        }
        for (resource, path, pool) in images + volumes {
            stagedRemovals[path] = id(resource, Operation.removeStaged(path: path).name)
            add(
                resource, .delete, .removeStaged(path: path), reason: "unfinished, left by a run that was interrupted",
                after: marks(ofPool: pool))
        }
        for link in observed.stagedLinks {
            add(
                network(ofStagedLink: link), .delete, .removeStagedLink(name: link),
                reason: "unfinished, left by a run that was interrupted")
        }
    }

    /// The step that marks a pool, before which nothing leaves it: it may say only then that what does is to be wiped.
    func marks(ofPool pool: String) -> [String] { [id(ResourceID(.storagePool, pool), "mark")] }

    /// The steps that remove unfinished links of a network, which go before new ones are made.
    func stagedLinkRemovals(_ resource: ResourceID) -> [String] {
        observed.stagedLinks.filter { network(ofStagedLink: $0) == resource }.map {
            id(resource, Operation.removeStagedLink(name: $0).name)
        }
    }

    /// The network that a link was made for; one that nobody knows any more goes by the link's name.
    private func network(ofStagedLink link: String) -> ResourceID {
        let known = expectation.inventory.networks + observed.networks
        let match = known.map(\.metadata.identity).first {
            link.hasPrefix(identity.bridgeName($0)) || link.hasPrefix(identity.tunnelName($0))
                || link.hasPrefix(identity.vlanName($0))
        }
        return ResourceID(.network, match ?? link)
    }
}

extension Diagnostic {
    /// The code of what is told about each host whose guests run without KVM although nobody asked for that.
    static let slowGuests = "accelerator"
}
