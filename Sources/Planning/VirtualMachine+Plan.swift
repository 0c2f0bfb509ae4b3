import Model

extension HostPlanner {
    /// Machines last: they need all the rest.
    mutating func planMachines() {
        let seen = Dictionary(
            observed.machines.map { ($0.metadata.identity, $0) }, uniquingKeysWith: { first, _ in first })
        for machine in expectation.inventory.machines {
            let resource = ResourceID(.virtualMachine, machine.metadata.identity)
            let present = seen[machine.metadata.identity]
            if isHeld(resource, area: .compute, needs: machine.references + filtering(machine, present))
                || isUnleased(machine, resource)
            {
                continue
            }
            if let present { noteLeases(present, resource) }
            if let arrival = transit.arriving[machine.metadata.identity] {
                planArrival(of: machine, arrival, resource)
            } else if let present {
                let known = steps.count
                plan(machine, afterMoves(present), resource)
                holdSaved(present, resource, since: known)
            } else {
                planCreation(of: machine, resource)
            }
        }
        let wanted = Set(expectation.inventory.machines.map(\.metadata.identity))
        for machine in observed.machines where !wanted.contains(machine.metadata.identity) {
            let known = steps.count
            planLeaving(machine)
            holdSaved(machine, ResourceID(.virtualMachine, machine.metadata.identity), since: known)
        }
        for (machine, seed) in observed.seeds.sorted(by: { $0.key < $1.key })
        where seen[machine] == nil && !wanted.contains(machine)
            && unknown(.compute, ResourceID(.virtualMachine, machine)) == nil
        {
            add(
                ResourceID(.virtualMachine, machine), .delete, .removeSeed(path: seed.path, machine: machine),
                reason: "a seed of no machine")
        }
    }

    /// A saved guest goes on with the disks and the devices that it had: it is started as it is, or nothing is done.
    private mutating func holdSaved(_ machine: VirtualMachine, _ resource: ResourceID, since known: Int) {
        guard machine.status?.state == .saved else { return }
        let isStarted = steps[known...].allSatisfy { step in
            if case .startMachine = step.operation { true } else { false }
        }
        guard !isStarted else { return }
        steps.removeSubrange(known...)
        block(resource, Self.isSaved(machine))
    }

    /// Why nothing is done about what a saved guest goes on with.
    static func isSaved(_ machine: VirtualMachine) -> String {
        let name = machine.metadata.name
        return
            "its memory is saved, and a change would not fit what is in it: start it as it is (`virsh start \(name)`), "
            + "or give up what it did (`virsh managedsave-remove \(name)`)"
    }

    private mutating func planCreation(of machine: VirtualMachine, _ resource: ResourceID) {
        if isObstructed(machine, resource) { return }
        if options.request?.machines.contains(machine.metadata.identity) == true {
            block(resource, "is not there yet; `infra apply` makes it")
            return
        }
        planSeed(of: machine, resource, .create)
        let namesake = namesake(of: machine)
        let requirements = needs(of: machine)
        add(
            resource, .create, .defineMachine(machine), reason: "not there",
            changes: [
                FieldChange("spec.cpu.count", old: nil, new: String(machine.spec.cpu.count)),
                FieldChange("spec.memory.size", old: nil, new: machine.spec.memory.size.description),
                FieldChange("spec.accelerator", old: nil, new: machine.spec.accelerator?.rawValue),
            ],
            after: requirements + [id(resource, "seed")]
                + (namesake.map { releases(of: $0.metadata.identity) } ?? []))
        if machine.spec.power == .running {
            add(
                resource, .create, .startMachine(machine), reason: "is to run",
                after: requirements + tunnels(of: machine) + [id(resource, "define"), firewallStep])
        }
    }

    /// Blocks a machine where a domain that is not ours has what it would have.
    mutating func isObstructed(_ machine: VirtualMachine, _ resource: ResourceID) -> Bool {
        guard let status = machine.status else { return true }
        let macs = Set(machine.spec.interfaces.compactMap(\.mac))
        for domain in observed.foreign where domain.kind == .domain {
            if domain.name == machine.metadata.name || domain.uuid == status.uuid.lowercased {
                block(resource, "\(domain.described) has its name or UUID and is not ours")
                return true
            }
            if let mac = domain.macs.first(where: macs.contains) {
                block(resource, "\(domain.described), which is not ours, has the Ethernet address \(mac)")
                return true
            }
        }
        return false
    }

    /// The steps that make what a machine uses.
    func needs(of machine: VirtualMachine) -> [String] {
        var ids = machine.spec.disks.compactMap(\.volume).flatMap { volume in
            needs(ofVolume: ResourceID(.volume, volume))
        }
        ids += machine.spec.interfaces.compactMap(\.network).flatMap { network in
            ["create-bridge", "update-bridge"].map { id(ResourceID(.network, network), $0) }
        }
        ids += imports(of: machine.spec.boot?.kernelPath) + imports(of: machine.spec.boot?.initrdPath)
        return ids
    }

    /// The steps that join a machine's networks to other hosts and answer its DHCP. Only a start waits for them: a definition does not need
    /// them, and a network that a restart frees may have to go before another can have its VNI.
    func tunnels(of machine: VirtualMachine) -> [String] {
        machine.spec.interfaces.compactMap(\.network).flatMap { network in
            ["create-vxlan", "update-vxlan", "replace-vxlan", "create-vlan", "update-vlan", "service"].map {
                id(ResourceID(.network, network), $0)
            }
        }
    }

    /// Writes the seed where it is not there or holds something else.
    private mutating func planSeed(of machine: VirtualMachine, _ resource: ResourceID, _ action: Action) {
        let machineID = machine.metadata.identity
        guard let path = machine.spec.seed?.path, let contents = expectation.seeds[machineID] else { return }
        let seen = observed.seeds[machineID]
        if let seen, seen.path == path, let salt = seen.salt, contents.digest(salt: salt) == seen.digest { return }
        if isInTheWay(path, of: resource) { return }
        let pool = expectation.inventory.pools.first { path.hasPrefix($0.spec.folder + "/") }
        let isRunning = action == .update
        add(
            resource, action, .writeSeed(path: path, machine: machineID, contents: contents),
            reason: isRunning ? "what cloud-init is told changed; takes effect at next boot or rerun" : "not there",
            changes: changes(to: contents, isRunning),
            after: pool.map { [id(ResourceID(.storagePool, $0.metadata.identity), "create")] } ?? [])
    }

    /// Which of a seed's parts differ is not to be told from its digest.
    private func changes(to contents: SeedContents, _ isThere: Bool) -> [FieldChange] {
        let secrets = contents.secrets.map { "\($0.described): digest \($0.digest?.prefix(8) ?? "")" }
        guard isThere || !secrets.isEmpty else { return [] }
        let new = ([isThere ? "new seed" : "seed"] + secrets).joined(separator: "; ")
        return [FieldChange("spec.cloudInit", old: isThere ? "(seed)" : nil, new: "(\(new))")]
    }

    mutating func plan(_ machine: VirtualMachine, _ seen: VirtualMachine, _ resource: ResourceID) {
        guard let status = seen.status else { return }
        if let uuid = machine.status?.uuid, uuid != status.uuid {
            refuse(
                "machine-uuid", "is the domain \(status.uuid.lowercased), and stays that one", resource,
                field: "metadata.uuid", help: Self.uuidHelp(status.uuid, identity.uuid(resource)))
            return
        }
        if isNameTaken(by: machine, seen, resource) { return }
        if let (disk, path) = foreignSource(of: machine, seen) {
            block(
                resource,
                "its disk \(disk) is \(path), which is no volume of this fleet; a snapshot is merged back with "
                    + "`virsh blockcommit`")
            return
        }
        var machine = machine
        machine.spec = machine.spec.ignoring(machine.spec.ignoreChanges, in: seen.spec)
        if machine.spec.ignoreChanges.contains("power") { machine.spec.power = .manual }
        let isActive = status.state.isActive
        var differences = VirtualMachine.differences(from: seen.spec, to: machine.spec)
        if status.protected != machine.spec.protect {
            differences.append(.protection(from: status.protected, to: machine.spec.protect))
        }
        if !status.persistent { differences.append(.persistence) }
        var pending = VirtualMachine.differences(from: status.live ?? seen.spec, to: machine.spec)
            .filter(\.needsRestart)
        let removesDevices = machine.spec.unmanagedDevices == .remove && !status.unmanaged.isEmpty
        if removesDevices {
            differences.append(.removal(of: status.unmanaged))
            pending.append(.removal(of: status.unmanaged))
        }
        // libvirt renames only what is off: one that is to be off is stopped before, one that runs waits for a restart.
        let isRenamed = seen.metadata.name != machine.metadata.name
        let isRenamedOff = isRenamed && machine.spec.power == .stopped
        let rename = VirtualMachine.Difference.rename(from: seen.metadata.name, to: machine.metadata.name)
        let former = isRenamed ? namesake(of: machine).map { releases(of: $0.metadata.identity) } ?? [] : []
        if isRenamed, !isActive || isRenamedOff { differences.append(rename) }
        let isAsked = options.request?.restarts(machine.metadata.identity) == true
        if isActive, machine.spec.power == .running,
            !pending.isEmpty || isRenamed || isAsked || status.state == .paused, isUnfiltered(machine)
        {
            block(resource, "waits for Host/\(host), which is blocked")
            return
        }
        planSeed(of: machine, resource, .update)
        if !differences.isEmpty {
            let changes = differences.map { difference in
                var change = difference.change
                if isActive, difference.needsRestart { change.needs = "restart" }
                return change
            }
            add(
                resource, .update, .updateMachine(machine), isActive && removesDevices ? .restart : .none,
                reason: "its definition is not as declared", changes: changes,
                after: needs(of: machine) + [id(resource, "seed")]
                    + (isRenamedOff ? [id(resource, "stop")] : [])
                    + former)
        }
        let shown = (isRenamed ? [rename] : []) + (differences.isEmpty ? pending : [])
        if isRenamed { pending.append(rename) }
        if isActive, !pending.isEmpty || isAsked, machine.spec.power == .running {
            add(
                resource, .update, .restartMachine(machine), .restart,
                reason: pending.isEmpty ? "asked for" : "it runs with older values",
                changes: shown.map(\.change),
                after: needs(of: machine) + [id(resource, "update"), id(resource, "seed"), firewallStep]
                    + former)
        }
        planTaps(machine, seen, resource)
        planBandwidth(machine, seen, resource)
        planPower(machine, seen, resource, isActive: isActive, pending: pending)
        noteRest(machine, status, resource)
        if let seed = observed.seeds[machine.metadata.identity], machine.spec.seed == nil {
            add(
                resource, .update, .removeSeed(path: seed.path, machine: machine.metadata.identity),
                reason: "it has no cloud-init any more", after: releases(of: machine.metadata.identity))
        }
    }

    /// The other machine of the fleet that has the name now.
    private func namesake(of machine: VirtualMachine) -> VirtualMachine? {
        observed.machines.first {
            $0.metadata.name == machine.metadata.name && $0.metadata.identity != machine.metadata.identity
        }
    }

    /// Blocks a machine that is to get a name which somebody else keeps: it would be stopped for it and stay off.
    private mutating func isNameTaken(
        by machine: VirtualMachine, _ seen: VirtualMachine, _ resource: ResourceID
    ) -> Bool {
        guard seen.metadata.name != machine.metadata.name else { return false }
        let name = machine.metadata.name
        if let domain = observed.foreign.first(where: { $0.kind == .domain && $0.name == name }) {
            block(resource, "is to be called \(name), as \(domain.described), which is not ours, is")
        } else if let other = namesake(of: machine)?.metadata.identity,
            expectation.inventory.machines.contains(where: { $0.metadata.identity == other })
        {
            block(
                resource,
                "is to be called \(name), as VirtualMachine/\(other) is still; apply again once that one is renamed")
        }
        return isBlocked(resource)
    }

    /// A disk of ours that is read from elsewhere: an external snapshot, a copy, or somebody's change. What the guest
    /// wrote is there, and going back to the volume would lose it.
    private func foreignSource(of machine: VirtualMachine, _ seen: VirtualMachine) -> (disk: String, path: String)? {
        for disks in [seen.spec.disks, seen.status?.live?.disks ?? []] {
            for disk in disks {
                guard let path = disk.path,
                    let wanted = machine.spec.disks.first(where: { $0.name == disk.name })?.path,
                    path != wanted, !isVolume(disk, path)
                else { continue }
                return (disk.name, path)
            }
        }
        return nil
    }

    /// Whether a path is that of a volume of this fleet, be it there or not.
    private func isVolume(_ disk: VirtualMachine.Disk, _ path: String) -> Bool {
        let inventories = [observed, expectation.inventory]
        if inventories.contains(where: { $0.volumes.contains { $0.status?.path == path } }) { return true }
        let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        return disk.volume != nil && inventories.contains { $0.pools.contains { $0.spec.folder == folder } }
    }

    private mutating func planPower(
        _ machine: VirtualMachine, _ seen: VirtualMachine, _ resource: ResourceID, isActive: Bool,
        pending: [VirtualMachine.Difference]
    ) {
        let isRenamed = seen.metadata.name != machine.metadata.name
        let after =
            needs(of: machine) + [id(resource, "seed")]
            + (isRenamed && machine.spec.power == .stopped ? [] : [id(resource, "update")])
        let state = seen.status?.state ?? .off
        switch machine.spec.power {
        case .running where !isActive:
            add(
                resource, .update, .startMachine(machine), reason: "is to run",
                changes: [FieldChange("spec.power", old: state.rawValue, new: "running")],
                after: after + tunnels(of: machine) + [firewallStep])
        case .running where state == .paused:
            add(
                resource, .update, .startMachine(machine), .live, reason: "is paused",
                changes: [FieldChange("spec.power", old: "paused", new: "running")],
                after: after + [firewallStep] + drops(of: resource.id))
        case .stopped where isActive:
            if machine.spec.protect || seen.status?.protected == true {
                refuse(
                    "protected", "is protected and would be stopped", resource, field: "spec.power",
                    help: "set protect: false and apply before")
                return
            }
            add(
                resource, .update, .stopMachine(machine), .stop, reason: "is to be off",
                changes: [FieldChange("spec.power", old: state.rawValue, new: "stopped")], after: after)
        case .manual where isActive && !pending.isEmpty:
            let fields = pending.map(\.change.field).joined(separator: ", ")
            note("pending", "takes effect when the guest is next started: \(fields)", resource)
        case .running, .stopped, .manual: break
        }
    }

    private mutating func noteRest(
        _ machine: VirtualMachine, _ status: VirtualMachine.Status, _ resource: ResourceID
    ) {
        if status.state == .paused, machine.spec.power != .running { note("paused", "is paused and left so", resource) }
        guard !status.unmanaged.isEmpty, machine.spec.unmanagedDevices == .keep else { return }
        note(
            "unmanaged-devices", "has devices that no manifest knows: \(status.unmanaged.joined(separator: ", "))",
            resource)
    }

    mutating func planRemoval(of machine: VirtualMachine) {
        let resource = ResourceID(.virtualMachine, machine.metadata.identity)
        if isHeld(resource, area: .compute) { return }
        guard let status = machine.status else { return }
        if status.protected {
            refuse(
                "protected", "is protected and would be removed", resource,
                help: "put it back with protect: false, apply, and remove it then")
            return
        }
        // What is copied once it is off grows after that.
        let grow = machine.spec.disks.compactMap(\.volume).map { ResourceID(.volume, $0) }.filter {
            poolMoves[$0] == nil
        }.map { id($0, "grow") }
        if status.state.isActive {
            add(
                resource, .delete, .stopMachine(machine.asTarget), .stop, reason: "not in the manifests", after: grow)
        }
        add(
            resource, .delete, .undefineMachine(machine.asTarget), .stop,
            reason: "not in the manifests; its volumes stay",
            after: [id(resource, "stop")])
        if let seed = observed.seeds[machine.metadata.identity] {
            add(
                resource, .delete, .removeSeed(path: seed.path, machine: machine.metadata.identity),
                reason: "not in the manifests", after: [id(resource, "undefine")])
        }
    }
}

extension VirtualMachine {
    /// The machine without what changes by itself, so that an approved plan stays the same plan.
    var asTarget: VirtualMachine {
        var machine = self
        machine.status?.live = nil
        machine.status?.unmanaged = []
        machine.status?.links = [:]
        return machine
    }
}

extension VirtualMachine.Difference {
    /// libvirt renames a domain only while it is off.
    static func rename(from old: String, to new: String) -> Self {
        Self(change: FieldChange("metadata.name", old: old, new: new), needsRestart: true)
    }

    /// A machine that was undefined while it ran would be gone after its next shutdown.
    static let persistence = Self(
        change: FieldChange("status.persistent", old: "false", new: "true"), needsRestart: false)

    /// Devices that no manifest knows and that are not to stay.
    static func removal(of devices: [String]) -> Self {
        Self(
            change: FieldChange("status.unmanaged", old: devices.joined(separator: ", "), new: nil), needsRestart: true)
    }

    /// The mark keeps it for the day the machine leaves the manifests.
    static func protection(from old: Bool, to new: Bool) -> Self {
        Self(change: FieldChange("spec.protect", old: String(old), new: String(new)), needsRestart: false)
    }
}
