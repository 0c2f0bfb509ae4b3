import Drivers
import Hosts
import Model
import Planning

/// Performs one step on its host. Each driver re-reads its target just before the effect and stops on a surprise.
struct StepPerformer: Sendable {
    let session: HostSession
    /// All hosts within reach, by identity: some steps take two.
    let sessions: [String: HostSession]
    let manifest: FleetManifest
    /// The controller's folder of image files.
    let files: ImageFiles?
    /// Where the values of secrets are.
    let secrets: SecretSource?
    /// How long one call may take.
    let deadline: Duration
    /// How long a guest has to end by itself before it is forced.
    let grace: Duration
    /// Whether the host's lock is surely held.
    let isHeld: @Sendable () -> Bool

    /// Performs a step within its deadline. One that is over it is told to end; what it has done by then is unknown.
    /// - Parameter report: told how far a long one has come.
    func perform(
        _ step: Step, report: @escaping @Sendable (MoveProgress) -> Void = { _ in }
    ) async throws(HostError) {
        let work = Task { () -> Result<Void, HostError> in
            do throws(HostError) {
                return .success(
                    try await perform(step.operation, isRemoval: step.action == .delete, report: report))
            } catch {
                return .failure(error)
            }
        }
        let timer = Task {
            try await Task.sleep(for: deadline + extra(step.operation))
            work.cancel()
        }
        let result = await work.value
        timer.cancel()
        if case .failure = result, work.isCancelled { throw .deadline(call: step.operation.verb) }
        try result.get()
    }

    /// A guest that is asked to end has its grace period beside the step's deadline.
    private func extra(_ operation: Operation) -> Duration {
        switch operation {
        case .stopMachine, .restartMachine: grace
        // Both have deadlines of their own; a move that is cancelled is not ended by it.
        case .migrateMachine(_, let passage): .seconds(passage.limits.timeout + 120)
        case .importImage(let image): image.spec.file == nil ? StorageDriver.fetchDeadline : .zero
        // A part of a logical volume may have to be written over.
        case .createVolume(let volume), .growVolume(let volume), .growDisk(let volume, _, _):
            volume.status?.isLogical == true ? StorageDriver.copyTime(volume.spec.size) * 2 : .zero
        // All of it may have to be written over.
        case .removeVolume(let volume), .removeReplaced(let volume, _, _), .rotatePart(let volume, _),
            .expireDeleted(let volume):
            volume.status?.isLogical == true ? StorageDriver.copyTime(volume.spec.size) : .zero
        // How large a logical volume is only the driver finds out; what it runs has a deadline by that.
        case .removeStaged(let path):
            path.hasPrefix("/dev/") ? StorageDriver.copyTime(ByteCount(1 << 44)) : StorageDriver.copyDeadline
        // Copied, and both read.
        case .takeSnapshot(let disks, _): copyTime(ByteCount(disks.reduce(0) { $0 + $1.volume.spec.size.bytes })) * 2
        case .copyWithin(let volume, _, _, _), .cloneVolume(let volume, _, _, _): copyTime(volume.spec.size) * 2
        // It is given up by itself before.
        case .moveDisk(let volume, _, _, _): copyTime(volume.spec.size) + .seconds(120)
        // Copied, and both digests taken.
        case .copyVolume(let volume, _): StorageDriver.copyTime(volume.spec.size) * 3
        case .relocateMachine(_, let passage): StorageDriver.copyTime(passage.size) * 2
        default: .zero
        }
    }

    /// How long it may take to copy that much: no less than twice what the fleet's limit makes of it.
    private func copyTime(_ size: ByteCount) -> Duration {
        guard let bandwidth = manifest.fleet.migration.bandwidth else { return StorageDriver.copyTime(size) }
        let seconds = size.bytes / max(1, UInt64(bandwidth.kilobytes) * 1000)
        return StorageDriver.copyTime(size) + .seconds(Int64(seconds) * 2)
    }

    private static func newSalt() -> String {
        var random = SystemRandomNumberGenerator()
        return (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }.hexDigits
    }

    private func perform(
        _ operation: Operation, isRemoval: Bool, report: @escaping @Sendable (MoveProgress) -> Void
    ) async throws(HostError) {
        let (compute, storage, network) = (session.compute, session.storage, session.network)
        switch operation {
        case .createPool(let pool):
            try await storage.createPool(pool, roots: session.host.spec.storageRoots)
        case .adoptPool(let pool): try await storage.adoptPool(pool, roots: session.host.spec.storageRoots)
        case .releasePool(let pool): try await storage.releasePool(pool)
        case .adoptVolume(let volume): try await storage.adoptVolume(volume)
        case .adoptBridge(let wanted): try await network.adoptBridge(wanted)
        case .adoptTunnel(let wanted): try await network.adoptTunnel(wanted)
        case .releaseTunnel(let seen): try await network.releaseTunnel(seen)
        case .releaseBridge(let seen): try await network.releaseBridge(seen)
        case .adoptMachine(let machine, let devices):
            try await compute.adopt(machine, devices: devices, deadline: deadline)
        case .startPool(let pool): try await storage.startPool(pool)
        case .extendPool(let pool): try await storage.extendPool(pool)
        case .growPool(let pool): try await storage.growPool(pool)
        case .tendPool(let pool): try await storage.tendPool(pool)
        case .markPool(let pool): try await storage.markPool(pool)
        case .removePool(let pool): try await storage.removePool(pool)
        case .importImage(let image): try await importImage(image, report)
        case .removeImage(let image): try await storage.removeImage(image)
        case .createVolume(let volume):
            let image = manifest.images.first { $0.metadata.identity == volume.spec.image }
            try await storage.createVolume(
                volume, pools: manifest.pools, isImageRead: image?.spec.virtualSize != nil)
        case .growVolume(let volume): try await storage.growVolume(volume, pools: manifest.pools)
        case .growDisk(let volume, let machine, let disk):
            try await storage.extendVolume(volume, pools: manifest.pools)
            try await compute.growDisk(machine: machine, disk: disk, to: volume.spec.size, deadline: deadline)
            try await storage.finishGrowth(of: volume)
        case .markVolume(let volume): try await storage.markVolume(volume)
        case .mapUnit(let volume): try await storage.mapUnit(volume)
        case .unmapUnit(let volume, let bystanders): try await storage.unmapUnit(volume, bystanders: bystanders)
        case .removeVolume(let volume): try await storage.removeVolume(volume)
        case .keepDeleted(let volume, let kept):
            guard let kept else { throw .surprise("the plan has no time, and does not say until when it stays") }
            try await storage.keepDeleted(volume, as: kept)
        case .expireDeleted(let volume): try await storage.expireDeleted(volume)
        case .copyVolume(let volume, let from):
            if let user = manifest.machines.first(where: { $0.volumes.contains(volume.metadata.identity) }) {
                let uuid = Identity(fleet: manifest.fleet.uuid).uuid(.virtualMachine, user.metadata)
                try await peer(from).compute.checkRelocation(uuid, deadline: deadline)
            }
            let total = volume.spec.size.bytes
            try await storage.copyVolume(volume, from: try peer(from).storage) {
                report(MoveProgress(done: $0, total: max($0, total)))
            }
        case .cloneVolume(let volume, let source, let machine, let disk):
            try await clone(volume, from: source, machine, disk, report: report)
        case .takeSnapshot(let disks, let machine):
            let size = ByteCount(disks.reduce(0) { $0 + $1.volume.spec.size.bytes })
            try await take(disks, machine, time: copyTime(size), report: report)
        case .finishPart(let volume): try await storage.finishPart(volume)
        case .rotatePart(let volume, let kept): try await storage.rotatePart(volume, keeping: kept)
        case .copyWithin(let copy, let source, let machine, let disk):
            try await storage.copyWithin(copy, from: source) { () throws(HostError) in
                if let machine { try await compute.requireNoSnapshots(machine, deadline: deadline) }
            } finish: { () throws(HostError) in
                guard let machine, let disk else { return }
                try await compute.switchDisk(machine, disk: disk, from: source, to: copy, deadline: deadline)
            }
        case .moveDisk(let copy, let source, let machine, let disk):
            try await storage.requireRoom(copy)
            do throws(HostError) {
                try await storage.requireMovable(source)
                try await compute.requireNoSnapshots(machine, deadline: deadline)
                try await storage.requireFree(in: copy, copy.spec.size.bytes)
                try await storage.removeDevice(of: copy, from: machine)
                try await compute.moveDisk(
                    machine, disk: disk, from: source, to: copy, bandwidth: manifest.fleet.migration.bandwidth,
                    time: copyTime(copy.spec.size), deadline: deadline, report: report)
            } catch {
                let shortage = try? await storage.shortage(in: copy)
                // A pool without room has what was taken of it back, unless the guest may have gone on with it.
                if let path = copy.status?.path,
                    (try? await compute.release(path, from: machine, deadline: self.deadline)) != nil
                {
                    try? await storage.removeRoom(copy)
                }
                throw shortage.map { HostError.surprise("\(error); \($0)") } ?? error
            }
        case .removeReplaced(let copy, let counting, let machine):
            if let machine, let path = copy.status?.path {
                try await compute.release(path, from: machine, deadline: deadline)
                try await storage.removeDevice(of: copy, from: machine)
            }
            try await storage.removeReplaced(copy, by: counting)
        case .removeCopy(let volume, let home): try await storage.removeCopy(volume, home: try peer(home).storage)
        case .removeStaged(let path):
            let whole =
                path.hasSuffix(Identity.stagedSuffix) ? String(path.dropLast(Identity.stagedSuffix.count)) : path
            try await compute.endCopies(to: [path, whole], deadline: deadline)
            try await storage.removeStaged(path)
        case .writeSeed(let path, let machine, let contents):
            let userData = try await SecretSource.userData(of: contents, from: secrets, fleet: manifest)
            try await storage.writeSeed(
                path: path, machine: machine, contents: contents, userData: userData, salt: Self.newSalt())
        case .removeSeed(let path, let machine):
            try await storage.removeSeed(path: path, machine: machine)
        case .removeStagedLink(let name): try await network.removeStaged(link: name)
        case .createBridge(let wanted): try await network.createBridge(wanted)
        case .createTunnel(let wanted): try await network.createTunnel(wanted)
        case .attachTap(let tap): try await network.attach(tap)
        case .updateBridge(let wanted): try await network.updateBridge(wanted)
        case .updateTunnel(let wanted), .trimTunnel(let wanted): try await network.updateTunnel(wanted)
        case .replaceTunnel(let wanted): try await network.replaceTunnel(wanted)
        case .removeTunnel(let seen): try await network.removeTunnel(seen)
        case .createVLAN(let wanted): try await network.createVLAN(wanted)
        case .updateVLAN(let wanted): try await network.updateVLAN(wanted)
        case .removeVLAN(let seen): try await network.removeVLAN(seen)
        case .removeBridge(let seen): try await network.removeBridge(seen)
        case .writeService(let wanted): try await network.writeService(wanted)
        case .removeService(let seen): try await network.removeService(seen)
        case .writeFirewall(let wanted), .trimFirewall(let wanted): try await network.writeFirewall(wanted)
        case .removeFirewall: try await network.removeFirewall()
        case .writeBootFiles(let id, let files): try await network.writeBootFiles(network: id, files)
        case .writeRouting(let wanted): try await network.writeRouting(wanted)
        case .removeRouting: try await network.removeRouting()
        case .defineMachine(let machine): try await compute.define(machine, deadline: deadline)
        case .updateMachine(let machine): try await compute.update(machine, deadline: deadline)
        case .setBandwidth(let machine, let interface):
            try await compute.setBandwidth(machine, interface: interface, deadline: deadline)
        case .startMachine(let machine):
            if try await compute.isOff(machine, deadline: deadline) {
                try await storage.requireNotOpen(machine.spec.disks.compactMap(\.path))
            }
            let others = sessions.values.filter { $0.id != session.id }.map(\.compute)
            let unasked = manifest.hosts.filter { !$0.spec.offline && sessions[$0.metadata.identity] == nil }
            try await compute.start(
                machine, others: others, unasked: unasked.map(\.metadata.identity), deadline: deadline)
        case .stopMachine(let machine):
            if isRemoval { try await compute.checkRemoval(machine, deadline: deadline) }
            try await compute.stop(machine, grace: grace, deadline: deadline, isHeld: isHeld)
        case .restartMachine(let machine):
            try await compute.restart(machine, grace: grace, deadline: deadline, isHeld: isHeld)
        case .undefineMachine(let machine): try await compute.undefine(machine, deadline: deadline)
        case .migrateMachine(let machine, let passage):
            try await requireShared(machine, passage)
            for disk in machine.spec.disks where passage.copied.contains(disk.name) {
                guard let volume = disk.volume, let path = disk.path else { continue }
                try await storage.requireIncoming(volume, at: path)
            }
            try await compute.migrate(
                machine, from: try peer(passage.from).compute, address: try migrationAddress(), disks: passage.copied,
                shared: passage.shared, copiesLayers: passage.copiesLayers, limits: passage.limits, deadline: deadline,
                report: report)
        case .relocateMachine(let machine, let passage):
            try await requireShared(machine, passage)
            for disk in machine.spec.disks where passage.copied.contains(disk.name) {
                guard let path = disk.path else { continue }
                try await storage.requireEqual(path, on: try peer(passage.from).storage, size: passage.size)
            }
            try await compute.relocate(machine, from: try peer(passage.from).compute, deadline: deadline)
        case .dropMachine(let machine, let home):
            try await compute.drop(machine, home: try peer(home).compute, deadline: deadline)
        }
    }

    /// Makes a copy of a volume, which a running machine may go on to write to.
    private func clone(
        _ volume: Volume, from source: Volume, _ machine: VirtualMachine?, _ disk: String?,
        report: @escaping @Sendable (MoveProgress) -> Void
    ) async throws(HostError) {
        let (compute, storage, pools) = (session.compute, session.storage, manifest.pools)
        guard let machine, let disk else { return try await storage.cloneVolume(volume, from: source, pools: pools) }
        if storage.isSnapshot(volume, of: source) {
            try await compute.whileFrozen(machine, disk: disk, is: source, deadline: deadline) {
                () throws(HostError) in try await storage.snapshot(volume, of: source, pools: pools)
            }
            return try await storage.finishClone(of: source, volume)
        }
        guard let place = try await storage.beginClone(of: source, volume, pools: pools) else { return }
        do throws(HostError) {
            try await storage.removeDevice(of: volume, from: machine)
            try await compute.copyDisk(
                machine, disk: disk, of: source, to: place, as: volume, bandwidth: manifest.fleet.migration.bandwidth,
                time: copyTime(volume.spec.size), deadline: deadline, report: report)
            try await storage.removeDevice(of: volume, from: machine)
            try await storage.finishClone(of: source, volume)
        } catch {
            try? await storage.abandonClone(volume)
            throw error
        }
    }

    /// Throws `.surprise` unless both hosts reach the disks that are not copied.
    private func requireShared(_ machine: VirtualMachine, _ passage: Passage) async throws(HostError) {
        // A target's name and a unit's number are the same for all.
        let paths = machine.spec.disks.filter { passage.shared.contains($0.name) }.compactMap(\.path).filter {
            !StoragePool.isRemote($0)
        }
        guard !paths.isEmpty else { return }
        try await session.storage.requireShared(paths, with: try peer(passage.from).storage)
    }

    private func peer(_ host: String) throws(HostError) -> HostSession {
        guard let peer = sessions[host] else { throw .unreachable("host \(host)") }
        return peer
    }

    /// Where other hosts reach this one: by its underlay, else as we do.
    private func migrationAddress() throws(HostError) -> String {
        if let underlay = session.host.spec.underlay { return underlay.address.description }
        guard case .ssh(let ssh) = session.host.spec.connection else {
            throw .surprise("host \(session.id) has no address that others reach it by; give it an underlay")
        }
        return ssh.address
    }

    private func importImage(
        _ image: Image, _ report: @escaping @Sendable (MoveProgress) -> Void
    ) async throws(HostError) {
        guard let file = image.spec.file else { return try await session.storage.fetchImage(image, report: report) }
        guard let files else { throw .surprise("there is no folder of image files (--files)") }
        try await session.storage.importImage(image, from: files.path(of: file))
    }
}
