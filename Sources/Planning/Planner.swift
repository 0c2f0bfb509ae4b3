public import Model

/// What a plan may do and leave out.
public struct PlanOptions: Hashable, Sendable {
    /// The most disturbing class that is allowed.
    public var allowance: Disruption
    /// Only these resources and what they refer to; nothing is removed. Everything when empty.
    public var targets: Set<ResourceID>
    /// Whether the whole fleet is to go.
    public var destroys: Bool
    /// Which resources that left the fleet are removed.
    public var removal: Removal
    /// Resources about which nothing is done now, with the reason. A machine's disks are left with it.
    public var heldBack: [ResourceID: String]
    /// Whether stored images go that nothing uses and no manifest names.
    public var removesUnusedImages: Bool
    /// Volumes whose files are copied without their zeros, by identity; each is a file, and what has it is off.
    public var sparsified: Set<String>
    /// The time that the plan is made at, which says what snapshots are due; none are without it.
    public var now: Moment?
    /// Whether the policy lets a snapshot that is taken anew remove the oldest beyond those that it keeps.
    public var rotatesSnapshots: Bool
    /// Whether volumes that are deleted stay for as long as the fleet says.
    public var keepsDeleted: Bool
    /// Whether what was deleted before goes although its time is not over.
    public var purgesDeleted: Bool
    /// What is asked of machines beside what the manifests say. Then nothing else is done; the machines are the targets.
    public var request: PowerRequest?

    /// Which resources that left the fleet are removed.
    public enum Removal: Hashable, Sendable {
        /// Those whose removal is within the allowance: somebody looks at the plan.
        case asAllowed
        /// None: nobody looks.
        case never
        /// All whose data stays, even where the allowance is less than `stop`.
        case keepingData
    }

    /// What a plan may do.
    public init(
        allowance: Disruption = .live, targets: Set<ResourceID> = [], destroys: Bool = false,
        removal: Removal = .asAllowed, heldBack: [ResourceID: String] = [:], removesUnusedImages: Bool = false,
        sparsified: Set<String> = [], now: Moment? = nil, rotatesSnapshots: Bool = false,
        keepsDeleted: Bool = true, purgesDeleted: Bool = false, request: PowerRequest? = nil
    ) {
        self.allowance = allowance
        self.targets = targets
        self.destroys = destroys
        self.removal = removal
        self.heldBack = heldBack
        self.removesUnusedImages = removesUnusedImages
        self.sparsified = sparsified
        self.now = now
        self.rotatesSnapshots = rotatesSnapshots
        self.keepsDeleted = keepsDeleted
        self.purgesDeleted = purgesDeleted
        self.request = request
    }

    /// The same for what is left once the steps were done. Images that these left unused were not asked for, and what was
    /// copied without its zeros was so once.
    public var afterwards: PlanOptions {
        var options = self
        options.request = request?.done
        options.removesUnusedImages = false
        options.sparsified = []
        return options
    }

    /// Whether machines that left the manifests stay for now.
    var keepsLeaving: Bool {
        switch removal {
        case .asAllowed: allowance < .stop
        case .never: true
        case .keepingData: false
        }
    }

    /// Whether a step is done now.
    func allows(_ step: Step) -> Bool {
        guard step.isRemoval else { return step.disruption <= allowance }
        switch removal {
        case .asAllowed: return step.disruption <= allowance
        case .never: return false
        case .keepingData: return step.disruption <= max(allowance, .stop)
        }
    }
}

/// Makes plans. Pure: no input or output, no clock, no randomness; equal arguments give an equal plan.
public enum Planner {
    /// The difference between what the manifests want and what was observed, as steps in order.
    /// - Parameters:
    ///   - manifest: The fleet, valid, with the digests of its images filled in where they are known.
    ///   - observed: What is on each host, by the host's identity. A host of the manifests that is missing is unknown.
    ///     A host that is in no manifest is one that the other hosts remember: what it has is made nowhere else.
    public static func plan(
        _ manifest: FleetManifest, observed: [String: HostInventory], options: PlanOptions = PlanOptions()
    ) -> Plan {
        let manifest = manifest.fenced(observed)
        // A move that is blocked on one of its hosts is none, which changes what is planned on both.
        var staying: [String: String] = [:]
        var observed = observed
        var copies: [String: PoolCopies] = [:]
        for host in observed.keys {
            guard var inventory = observed[host], PoolCopies.isAny(in: inventory) else { continue }
            copies[host] = PoolCopies(takenFrom: &inventory)
            observed[host] = inventory
        }
        while true {
            let (plan, held) = plan(manifest, observed: observed, copies, options: options, staying: staying)
            if held.isEmpty { return plan }
            staying.merge(held) { first, _ in first }
        }
    }

    /// - Parameter staying: machines that cannot move now, with the reason.
    /// - Returns: the plan, and the machines that it moves although they cannot, with the reason.
    private static func plan(
        _ manifest: FleetManifest, observed all: [String: HostInventory], _ copies: [String: PoolCopies],
        options: PlanOptions, staying: [String: String]
    ) -> (plan: Plan, held: [String: String]) {
        var plan = Plan(
            fleetName: manifest.fleet.metadata.name, fleet: manifest.fleet.uuid, allowance: options.allowance)
        let identity = Identity(fleet: manifest.fleet.uuid)
        var wanted = manifest
        if options.destroys {
            wanted = FleetManifest(fleet: manifest.fleet, hosts: manifest.hosts)
        }
        if let request = options.request {
            let (asked, problems) = request.applied(to: wanted)
            wanted = asked
            plan.problems += problems
        }
        // From here on a target's units are as those see them that use them; one host's own view follows for itself.
        var units = ManagedUnits(wanted, observed: all)
        wanted = units.manifest
        var observed = units.observed
        let snapshots = Snapshots(wanted, observed: observed, all: all, now: options.now)
        let placement = Placement(
            wanted, observed: observed, snapshots: snapshots, keepsLeaving: options.keepsLeaving, staying: staying)
        plan.problems += placement.problems
        plan.blocked += placement.blocked
        plan.notes += placement.notes + placement.fenceNotes
        let lookup = Lookup(wanted)
        let machines = Dictionary(grouping: wanted.machines) { placement.hosts[$0.metadata.identity] ?? "" }
        let volumes = Dictionary(grouping: wanted.volumes) { placement.volumes[$0.metadata.identity] ?? "" }
        let ends = TunnelEnds(wanted, machines: machines)
        var shared = SharedPools(manifest, observed: observed).settled(wanted, placement, observed)
        let transits = Transit.all(placement, wanted, observed, shared)
        let vlans = VLANPlaces(wanted, observed: observed)
        var planners: [String: HostPlanner] = [:]
        var steps: [Step] = []
        var takenBefore: [(step: String, resources: Set<ResourceID>)] = []
        for host in wanted.hosts.filter({ units.isManager($0.metadata.identity) })
            + wanted.hosts.filter({ !units.isManager($0.metadata.identity) })
        {
            let id = host.metadata.identity
            let isManager = units.isManager(id)
            // Those that use units wait for what is to be done to them.
            if !isManager { observed = units.observed }
            if host.spec.offline {
                plan.notes.append(offline(id, machines[id] ?? [], observed[id]))
                continue
            }
            if let seen = observed[id], seen.fence?.isOver == true { plan.notes.append(fenceOver(id, seen)) }
            let own = isManager ? shared.without(units.all.pools, units.all.volumes) : shared
            let lookup = isManager ? Lookup(units.manifest(seenFrom: id)) : lookup
            let standalone = (volumes[id] ?? []) + units.made(on: id)
            let inventory = own.own(
                (isManager ? all[id] : observed[id])
                    ?? HostInventory(host: host, unknown: [UnknownArea(.host, reason: "the host was not observed")]),
                on: id)
            let transit = transits[id] ?? Transit()
            let incoming = transit.incoming
            let adoption = Adoption(
                lookup, machines: (machines[id] ?? []).filter { transit.arriving[$0.metadata.identity] == nil },
                volumes: standalone.filter { incoming[$0.metadata.identity] == nil }, observed: inventory,
                identity: identity)
            let expectation = Expectation(
                manifest: lookup, host: host, machines: machines[id] ?? [], standalone: standalone,
                observed: adoption.inventory, peers: ends.peers(of: id), speakers: ends.speakers(beside: id),
                identity: identity, transit: transit, snapshots: snapshots, units: isManager ? units.paths : [:],
                sparsified: options.sparsified)
            var local = options
            local.heldBack.merge(units.held) { asked, _ in asked }
            local.heldBack.merge(placement.held[id] ?? [:]) { asked, _ in asked }
            local.heldBack.merge(copies[id]?.lost ?? [:]) { asked, _ in asked }
            var planner: HostPlanner
            var found: [ResourceID: String] = [:]
            repeat {
                local.heldBack.merge(found) { known, _ in known }
                planner = HostPlanner(
                    host: id, identity: identity, expectation: expectation, adoption: adoption, options: local,
                    transit: transit, shared: own, vlans: vlans, copies: copies[id] ?? PoolCopies(), units: units)
                planner.run()
                // Whether the link that has a VNI or a VLAN now goes is known at the end, and what needs the new one waits.
                found = planner.heldVNIs.merging(planner.heldVLANs) { first, _ in first }
                // So is which snapshots cannot be taken, and the change that one is for waits.
                found.merge(planner.heldSubjects) { first, _ in first }
            } while !found.isEmpty
            if !placement.moves.isEmpty || units.hasUsers { planners[id] = planner }
            units.note(planner)
            shared.note(planner.steps)
            steps += planner.steps
            takenBefore += planner.takenBefore
            plan.blocked += planner.blocked
            plan.problems += planner.problems
            plan.notes += planner.notes
            let capacity = Capacity.of(
                expected: planner.promises, observed: adoption.inventory, before: inventory)
            plan.capacity += capacity
            plan.notes += planner.roomOfDeleted(capacity)
            plan.retained += planner.retained
            let foreign = adoption.inventory.foreign
            if !foreign.isEmpty { plan.foreign[id] = foreign }
        }
        let held = heldMoves(placement, wanted, planners)
        if !held.isEmpty { return (plan, held) }
        plan.notes += snapshots.waiting(steps, plan.blocked) + snapshots.notCounted(steps)
        plan.nextSnapshot = [snapshots.next, snapshots.deleted.next].compactMap(\.self).min()
        plan.capacity = shared.without(units.all.pools, units.all.volumes).merged(plan.capacity)
        let given = units.withoutUsed(steps, planners)
        steps = given.steps
        plan.blocked += given.blocked
        plan.blocked += lostHosts(wanted, observed)
        steps = withoutOrphans(steps)
        for short in plan.capacity.filter({ $0.missing > 0 }) {
            let told = short.diagnostic(wanted.pools)
            if short.isExceeded { plan.problems.append(told) } else { plan.notes.append(told) }
        }
        plan.notes += renameHints(steps)
        if !options.targets.isEmpty {
            let kept = targets(wanted, steps, options)
            let whole = steps
            // A disk moves with its machine or not at all.
            let going = Set(placement.moves.filter { $0.to != nil }.map(\.machine))
            let staying = wanted.machines.filter {
                going.contains($0.metadata.identity)
                    && !kept.contains(ResourceID(.virtualMachine, $0.metadata.identity))
            }
            let left = Set(staying.flatMap(\.volumes).map { ResourceID(.volume, $0) })
            steps = steps.filter {
                // What the firewall and FRR say is for the targets, and else as it was.
                (kept.contains($0.resource) || $0.operation.isOfHost)
                    && ($0.action != .delete || $0.isRotation && $0.disruption == .none || $0.isExpiry)
                    && $0.action != .release
                    && !left.contains($0.resource)
            }
            steps = withoutHalves(steps, of: whole)
            plan.blocked = plan.blocked.filter { kept.contains($0.resource) }
            if let request = options.request { steps = request.steps(of: steps) }
        }
        keepBefore(takenBefore, &steps)
        let loops = vlans.loops(steps)
        plan.blocked += loops.blocked
        finish(&plan, loops.steps, options)
        return (plan, [:])
    }

    /// Machines that move although something of them is blocked on one of the two hosts.
    private static func heldMoves(
        _ placement: Placement, _ manifest: FleetManifest, _ planners: [String: HostPlanner]
    ) -> [String: String] {
        guard placement.moves.contains(where: { $0.to != nil }) else { return [:] }
        let machines = manifest.machines.reduce(into: [:]) { $0[$1.metadata.identity] = $1 }
        return placement.moves.reduce(into: [:]) { held, move in
            guard let to = move.to, let machine = machines[move.machine] else { return }
            let parts =
                machine.volumes.map { ResourceID(.volume, $0) } + [ResourceID(.virtualMachine, move.machine)]
            for host in [move.from, to] {
                guard let planner = planners[host] else {
                    held[move.machine] = "nothing is done on host \(host)"
                    return
                }
                if let reason = parts.lazy.compactMap({ planner.reasonForBlocking($0) }).first {
                    held[move.machine] = reason
                    return
                }
            }
        }
    }

    /// Leaves out marks that would make a second copy of a volume count: the other one keeps its mark.
    private static func withoutOrphans(_ steps: [Step]) -> [Step] {
        let ids = Set(steps.map(\.id))
        return steps.filter { step in
            guard case .markVolume(let volume) = step.operation, volume.status?.mark?.copy == nil else { return true }
            return step.after.allSatisfy { !$0.hasSuffix("/mark-moved") || ids.contains($0) }
        }
    }

    /// Hosts that only other hosts remember.
    private static func lostHosts(_ manifest: FleetManifest, _ observed: [String: HostInventory]) -> [Blocked] {
        let declared = Set(manifest.hosts.map(\.metadata.identity))
        return observed.filter { !declared.contains($0.key) && $0.value.isUnknown }.sorted { $0.key < $1.key }.map {
            Blocked(host: $0.key, resource: ResourceID(.host, $0.key), reason: $0.value.unknown.first?.reason ?? "")
        }
    }

    /// Splits the steps into what is allowed and what is deferred, in order.
    private static func finish(_ plan: inout Plan, _ steps: [Step], _ options: PlanOptions) {
        do {
            let sorted = try Ordering.sorted(steps)
            var deferred: Set<String> = []
            for step in sorted {
                if !options.allows(step) || step.after.contains(where: deferred.contains) {
                    deferred.insert(step.id)
                    plan.deferred.append(step)
                } else {
                    plan.steps.append(step)
                }
            }
        } catch {
            plan.problems.append(Diagnostic(code: "cycle", "\(error)"))
        }
    }

    /// A machine that goes while one with the same hardware comes was probably renamed.
    private static func renameHints(_ steps: [Step]) -> [Diagnostic] {
        var gone: [(id: String, spec: VirtualMachine.Spec)] = []
        var come: [(id: String, spec: VirtualMachine.Spec)] = []
        for step in steps {
            if case .undefineMachine(let machine) = step.operation { gone.append((step.resource.id, machine.spec)) }
            if case .defineMachine(let machine) = step.operation { come.append((step.resource.id, machine.spec)) }
        }
        return come.compactMap { new in
            let alike = gone.filter {
                $0.spec.cpu == new.spec.cpu && $0.spec.memory == new.spec.memory
                    && $0.spec.disks.map(\.name) == new.spec.disks.map(\.name)
                    && $0.spec.interfaces.map(\.name) == new.spec.interfaces.map(\.name)
            }
            guard alike.count == 1, let old = alike.first else { return nil }
            return Diagnostic(
                .note, code: "rename",
                "VirtualMachine/\(old.id) goes and VirtualMachine/\(new.id), which is alike, comes",
                help: "if it was renamed, set metadata.id: \(old.id) on it and its disks stay",
                resource: ResourceID(.virtualMachine, new.id))
        }
    }
}

extension VirtualMachine {
    /// What a machine refers to.
    var references: [ResourceID] {
        spec.disks.flatMap { disk in
            (disk.volume.map { [ResourceID(.volume, $0)] } ?? []) + (disk.declared?.references ?? [])
        }
            + spec.interfaces.compactMap { $0.network.map { ResourceID(.network, $0) } }
            + [spec.boot?.kernel, spec.boot?.initrd].compactMap { $0.map { ResourceID(.image, $0) } }
    }
}

extension Volume.Spec {
    /// What a volume refers to.
    var references: [ResourceID] {
        [ResourceID(.storagePool, pool)] + (image.map { [ResourceID(.image, $0)] } ?? [])
            + (source.map { [ResourceID(.volume, $0)] } ?? [])
            + (snapshot.map { [ResourceID(.snapshot, $0)] } ?? [])
    }
}

extension Capacity {
    /// The error that refuses a plan, or a warning where the plan promises no more than stands.
    func diagnostic(_ pools: [StoragePool]) -> Diagnostic {
        let pool = resource.kind == .storagePool ? pools.first { $0.metadata.identity == resource.id } : nil
        let (field, help): (String, String) =
            switch pool?.spec.backend {
            case .lvm(let lvm) where lvm.thinPool != nil:
                (
                    "spec.lvm.thinPool.overprovision",
                    "make volumes smaller, or raise size or overprovision of the thin pool of \(resource)"
                )
            case .lvm: ("spec.lvm", "make volumes smaller, or give the volume group of \(resource) more room")
            case .iscsi: ("spec.iscsi", "make volumes smaller, or give the directory of \(resource) more room")
            case .rbd: ("spec.rbd", "the images of a cluster are as large as they are")
            case .directory, .nfs, nil:
                (
                    measure == .disk ? "spec.overcommit" : "spec.overcommit.\(measure.rawValue)",
                    "make machines or volumes smaller, or raise the overcommit of \(resource)"
                )
            }
        let what = measure == .cpu ? "" : measure == .memory ? " of memory" : " of disk space"
        let have = physical.map { text($0) } ?? "?"
        return Diagnostic(
            isExceeded ? .error : .warning, code: "capacity",
            "\(resource): \(text(promised))\(what) promised, \(text(allowed ?? 0)) allowed "
                + "(\(have) at an overcommit of \(Self.ratio(overcommit))): \(text(missing)) missing",
            help: help, resource: resource, field: field)
    }

    static func ratio(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
    }
}
