import Drivers
import Hosts
import Model
import Planning

/// Performs one step on its host. Each driver re-reads its target just before the effect and stops on a surprise.
struct StepPerformer: Sendable {
    let session: HostSession
    /// The controller's folder of image files.
    let files: ImageFiles?
    /// How long one call may take.
    let deadline: Duration
    /// How long a guest has to end by itself before it is forced.
    let grace: Duration

    func perform(_ operation: Operation) async throws(HostError) {
        let (compute, storage, network) = (session.compute, session.storage, session.network)
        switch operation {
        case .createPool(let pool):
            try await storage.createPool(pool, roots: session.host.spec.storageRoots, deadline: deadline)
        case .startPool(let pool): try await storage.startPool(pool, deadline: deadline)
        case .removePool(let pool): try await storage.removePool(pool, deadline: deadline)
        case .importImage(let image): try await importImage(image)
        case .removeImage(let image): try await storage.removeImage(image, deadline: deadline)
        case .createVolume(let volume): try await storage.createVolume(volume, deadline: deadline)
        case .growVolume(let volume): try await storage.growVolume(volume, deadline: deadline)
        case .growDisk(let volume, let machine, let disk):
            try await compute.growDisk(machine: machine, disk: disk, to: volume.spec.size, deadline: deadline)
        case .markVolume(let volume): try await storage.markVolume(volume, deadline: deadline)
        case .removeVolume(let volume): try await storage.removeVolume(volume, deadline: deadline)
        case .removeStaged(let path): try await storage.removeStaged(path: path, deadline: deadline)
        case .writeSeed(let path, let machine, let contents):
            try await storage.writeSeed(path: path, machine: machine, contents: contents, deadline: deadline)
        case .removeSeed(let path, let machine):
            try await storage.removeSeed(path: path, machine: machine, deadline: deadline)
        case .createBridge(let wanted):
            try await network.createBridge(wanted, deadline: deadline)
        case .createTunnel(let wanted): try await network.createTunnel(wanted, deadline: deadline)
        case .updateBridge(let wanted): try await network.updateBridge(wanted, deadline: deadline)
        case .updateTunnel(let wanted): try await network.updateTunnel(wanted, deadline: deadline)
        case .replaceTunnel(let wanted): try await network.replaceTunnel(wanted, deadline: deadline)
        case .removeTunnel(let seen): try await network.removeTunnel(seen, deadline: deadline)
        case .removeBridge(let seen): try await network.removeBridge(seen, deadline: deadline)
        case .defineMachine(let machine): try await compute.define(machine, deadline: deadline)
        case .updateMachine(let machine): try await compute.update(machine, deadline: deadline)
        case .startMachine(let machine): try await compute.start(machine, deadline: deadline)
        case .stopMachine(let machine): try await compute.stop(machine, grace: grace, deadline: deadline)
        case .restartMachine(let machine): try await compute.restart(machine, grace: grace, deadline: deadline)
        case .undefineMachine(let machine): try await compute.undefine(machine, deadline: deadline)
        }
    }

    private func importImage(_ image: Image) async throws(HostError) {
        guard let files else { throw .surprise("there is no folder of image files (--files)") }
        try await session.storage.importImage(image, from: files.path(of: image), deadline: deadline)
    }
}
