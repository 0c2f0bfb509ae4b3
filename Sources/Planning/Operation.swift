public import Model

/// The effects there are. Each carries the resource as it is expected to be afterwards (its `status` included), so a
/// driver needs nothing else, and a simulator only has to put the value in its place.
public enum Operation: Hashable, Sendable, Codable {
    /// Make the folder, define the pool, start it.
    case createPool(StoragePool)
    /// Start a defined pool and let it start with the host.
    case startPool(StoragePool)
    /// Undefine the pool; its files stay.
    case removePool(StoragePool)
    /// Mark a pool that is there.
    case adoptPool(StoragePool)
    /// Take our mark off an adopted pool; libvirt keeps it.
    case releasePool(StoragePool)
    /// Store an image in a pool under its digest.
    case importImage(Image)
    /// Remove a stored image.
    case removeImage(Image)
    /// Mark a file that is there.
    case adoptVolume(Volume)
    /// Make a volume.
    case createVolume(Volume)
    /// Grow a volume that no running machine uses.
    case growVolume(Volume)
    /// Grow a volume under a running machine.
    case growDisk(Volume, machine: VirtualMachine, disk: String)
    /// Rewrite what the file says about itself.
    case markVolume(Volume)
    /// Delete a volume and its data.
    case removeVolume(Volume)
    /// Remove an unfinished file.
    case removeStaged(path: String)
    /// Remove an unfinished link.
    case removeStagedLink(name: String)
    /// Write a machine's seed, anew or in place of the old one.
    case writeSeed(path: String, machine: String, contents: SeedContents)
    /// Remove a machine's seed.
    case removeSeed(path: String, machine: String)
    /// Make a network's bridge.
    case createBridge(Network)
    /// Mark a bridge that is there.
    case adoptBridge(Network)
    /// Mark a VXLAN link that is there.
    case adoptTunnel(Network)
    /// Take our mark off a VXLAN link with a name of its own; the link stays.
    case releaseTunnel(Network)
    /// Take our mark off a bridge with a name of its own; the link stays.
    case releaseBridge(Network)
    /// Make a running machine's interface a port of its bridge again.
    case attachTap(Tap)
    /// Make a network's VXLAN link.
    case createTunnel(Network)
    /// Set what can be set on a standing bridge.
    case updateBridge(Network)
    /// Set what can be set on a standing VXLAN link.
    case updateTunnel(Network)
    /// Make the VXLAN link anew under the standing bridge.
    case replaceTunnel(Network)
    /// Remove a network's VXLAN link.
    case removeTunnel(Network)
    /// Remove a network's bridge.
    case removeBridge(Network)
    /// Replace the host's firewall as a whole.
    case writeFirewall(Firewall)
    /// Replace it once what some of its rules were for is gone.
    case trimFirewall(Firewall)
    /// Remove it.
    case removeFirewall
    /// Mark a domain that is there. Its devices are told by the map until they have aliases of ours.
    case adoptMachine(VirtualMachine, devices: DeviceMap)
    /// Define a new machine.
    case defineMachine(VirtualMachine)
    /// Patch a machine's persistent definition.
    case updateMachine(VirtualMachine)
    /// Set what a running machine's interface may send and receive.
    case setBandwidth(VirtualMachine, interface: String)
    /// Start a machine.
    case startMachine(VirtualMachine)
    /// Stop a machine: asked first, forced after a grace period.
    case stopMachine(VirtualMachine)
    /// Stop a machine and start it from its persistent definition.
    case restartMachine(VirtualMachine)
    /// Undefine a machine that is off; its volumes stay.
    case undefineMachine(VirtualMachine)

    /// The operation's name, the last part of a step's id.
    public var name: String {
        switch self {
        case .createPool, .createVolume: "create"
        case .adoptPool, .adoptVolume, .adoptMachine: "adopt"
        case .adoptBridge: "adopt-bridge"
        case .adoptTunnel: "adopt-vxlan"
        case .releasePool: "release"
        case .releaseTunnel: "release-vxlan"
        case .releaseBridge: "release-bridge"
        case .startPool, .startMachine: "start"
        case .removePool, .removeVolume: "remove"
        case .importImage(let image): "import" + (image.status.map { "-\($0.pool)" } ?? "")
        case .removeImage(let image): "remove" + (image.status.map { "-\($0.pool)" } ?? "")
        case .growVolume, .growDisk: "grow"
        case .markVolume: "mark"
        case .removeStaged(let path): "remove-staged-\(path.split(separator: "/").last ?? "")"
        case .removeStagedLink(let name): "remove-staged-\(name)"
        case .writeSeed: "seed"
        case .removeSeed: "remove-seed"
        case .createBridge: "create-bridge"
        case .attachTap(let tap): "attach-\(tap.device)"
        case .createTunnel: "create-vxlan"
        case .updateBridge: "update-bridge"
        case .updateTunnel: "update-vxlan"
        case .replaceTunnel: "replace-vxlan"
        case .removeTunnel: "remove-vxlan"
        case .removeBridge: "remove-bridge"
        case .writeFirewall: "firewall"
        case .trimFirewall: "trim-firewall"
        case .removeFirewall: "remove-firewall"
        case .defineMachine: "define"
        case .updateMachine: "update"
        case .setBandwidth(_, let interface): "bandwidth-\(interface)"
        case .stopMachine: "stop"
        case .restartMachine: "restart"
        case .undefineMachine: "undefine"
        }
    }

    /// What a progress line says while it runs.
    public var verb: String {
        switch self {
        case .createPool: "creating the pool"
        case .adoptPool: "adopting the pool"
        case .releasePool: "releasing the pool"
        case .adoptVolume: "adopting the volume"
        case .adoptBridge: "adopting the bridge"
        case .adoptTunnel: "adopting the VXLAN link"
        case .releaseTunnel: "releasing the VXLAN link"
        case .releaseBridge: "releasing the bridge"
        case .adoptMachine: "adopting the domain"
        case .startPool: "starting the pool"
        case .removePool: "undefining the pool"
        case .importImage: "storing the image"
        case .removeImage: "removing the stored image"
        case .createVolume: "creating the volume"
        case .growVolume: "growing the volume"
        case .growDisk: "growing the volume under the running machine"
        case .markVolume: "marking the volume"
        case .removeVolume: "deleting the volume"
        case .removeStaged: "removing an unfinished file"
        case .removeStagedLink: "removing an unfinished link"
        case .writeSeed: "writing the cloud-init seed"
        case .removeSeed: "removing the cloud-init seed"
        case .createBridge: "creating the bridge"
        case .attachTap: "joining an interface to its bridge"
        case .createTunnel: "creating the VXLAN link"
        case .updateBridge: "setting the bridge"
        case .updateTunnel: "setting the VXLAN link"
        case .replaceTunnel: "replacing the VXLAN link"
        case .removeTunnel: "removing the VXLAN link"
        case .removeBridge: "removing the bridge"
        case .writeFirewall: "writing the firewall"
        case .trimFirewall: "trimming the firewall"
        case .removeFirewall: "removing the firewall"
        case .defineMachine: "defining the machine"
        case .updateMachine: "patching the definition"
        case .setBandwidth: "limiting the interface"
        case .startMachine: "starting the machine"
        case .stopMachine: "stopping the machine"
        case .restartMachine: "restarting the machine"
        case .undefineMachine: "undefining the machine"
        }
    }

    /// Whether it is about the firewall, which is of the host as a whole.
    var isFirewall: Bool {
        switch self {
        case .writeFirewall, .trimFirewall, .removeFirewall: true
        default: false
        }
    }
}
