public import Model

/// The effects there are. Each carries the resource as it is expected to be afterwards (its `status` included), so a
/// driver needs nothing else, and a simulator only has to put the value in its place.
public enum Operation: Hashable, Sendable, Codable {
    /// Make the folder, define the pool, start it; or make the volume group and its thin pool.
    case createPool(StoragePool)
    /// Start a defined pool and let it start with the host; or activate a volume group and make its thin pool if it has none.
    case startPool(StoragePool)
    /// Extend a volume group by those of its declared devices that it lacks.
    case extendPool(StoragePool)
    /// Grow a thin pool to its declared size.
    case growPool(StoragePool)
    /// Let a thin pool grow by itself as declared, or no more.
    case tendPool(StoragePool)
    /// Rewrite what a volume group says about itself.
    case markPool(StoragePool)
    /// Undefine the pool, or take our mark off the volume group; what lies in it stays.
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
    /// Make a volume that is a copy of another on the same host, which a disk of a machine may be that runs.
    case cloneVolume(Volume, from: Volume, machine: VirtualMachine?, disk: String?)
    /// Keep what disks hold at this moment, all at once; the machine that has them may run.
    case takeSnapshot([SnapshotDisk], machine: VirtualMachine?)
    /// Give a part of a snapshot its name and its mark, which is whole.
    case finishPart(Volume)
    /// Remove a part of a snapshot beyond those that it keeps; of what is kept these parts are on the same host.
    case rotatePart(Volume, keeping: [Volume])
    /// Grow a volume that no running machine uses.
    case growVolume(Volume)
    /// Grow a volume under a running machine.
    case growDisk(Volume, machine: VirtualMachine, disk: String)
    /// Rewrite what the file says about itself.
    case markVolume(Volume)
    /// Have the target that runs here serve a volume as the unit that its mark names.
    case mapUnit(Volume)
    /// Take a unit from its target; to be logged in to that does not matter of these, whose UUIDs they are.
    case unmapUnit(Volume, bystanders: [String])
    /// Copy a volume that nothing uses from another host.
    case copyVolume(Volume, from: String)
    /// Copy a volume that nothing uses to the place of the first, which is empty; `from` is where it lies on the same host.
    /// A machine that is off and has it as a disk has the copy then.
    case copyWithin(Volume, from: Volume, machine: VirtualMachine?, disk: String?)
    /// Copy a disk under a running machine to the place of the first, which is empty, and let the guest go on with it.
    case moveDisk(Volume, from: Volume, machine: VirtualMachine, disk: String)
    /// Delete a copy beside the one that counts on the same host; `machine` has that one.
    case removeReplaced(Volume, by: Volume, machine: VirtualMachine?)
    /// Delete a copy that does not count. The one that does is, or will be, on that host.
    case removeCopy(Volume, home: String)
    /// Delete a volume and its data.
    case removeVolume(Volume)
    /// Give a volume that is deleted the name under which it stays for a while; none in a plan that has no time.
    case keepDeleted(Volume, as: Volume?)
    /// Remove what was deleted and stayed until now.
    case expireDeleted(Volume)
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
    /// Stop flooding to where no member is any more.
    case trimTunnel(Network)
    /// Remove a network's VXLAN link.
    case removeTunnel(Network)
    /// Make the link of a network's VLAN.
    case createVLAN(Network)
    /// Set what can be set on a standing VLAN link.
    case updateVLAN(Network)
    /// Remove the link of a network's VLAN.
    case removeVLAN(Network)
    /// Make the files that make a network's links when the host starts; none of them where the list is empty.
    case writeBootFiles(network: String, [BootFile])
    /// Remove a network's bridge.
    case removeBridge(Network)
    /// Make a network's DHCP and DNS, or what of them is not as it is to be.
    case writeService(Network)
    /// Remove a network's DHCP and DNS.
    case removeService(Network)
    /// Replace the host's firewall as a whole.
    case writeFirewall(Firewall)
    /// Replace it once what some of its rules were for is gone.
    case trimFirewall(Firewall)
    /// Remove it.
    case removeFirewall
    /// Make FRR say the host's part of EVPN.
    case writeRouting(EVPN)
    /// Take it out of FRR.
    case removeRouting
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
    /// Move a running machine here, with its memory and what disks are copied.
    case migrateMachine(VirtualMachine, Passage)
    /// Define a machine here that is off, as it is defined where it comes from, and undefine it there.
    case relocateMachine(VirtualMachine, Passage)
    /// End and undefine what is left here of a machine that is on that host.
    case dropMachine(VirtualMachine, home: String)

    /// The operation's name, the last part of a step's id.
    public var name: String {
        switch self {
        case .createPool, .createVolume, .cloneVolume: "create"
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
        case .growPool, .growVolume, .growDisk: "grow"
        case .extendPool: "extend"
        case .tendPool: "autoextend"
        case .markPool: "mark"
        case .markVolume(let volume): volume.status?.mark?.copy == nil ? "mark" : "mark-moved"
        case .mapUnit: "map"
        case .unmapUnit: "unmap"
        case .copyVolume, .copyWithin: "copy"
        case .takeSnapshot: "take"
        case .finishPart: "finish"
        case .rotatePart: "rotate"
        case .keepDeleted: "keep"
        case .expireDeleted: "expire"
        case .moveDisk: "move"
        case .removeReplaced(let volume, _, _):
            "remove-copy-\(volume.spec.pool)-\(volume.spec.format.rawValue)"
                + (volume.status?.isSecond == true ? "-second" : "")
        case .removeCopy: "remove-copy"
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
        case .trimTunnel: "trim-vxlan"
        case .removeTunnel: "remove-vxlan"
        case .createVLAN: "create-vlan"
        case .updateVLAN: "update-vlan"
        case .removeVLAN: "remove-vlan"
        case .removeBridge: "remove-bridge"
        case .writeService: "service"
        case .removeService: "remove-service"
        case .writeBootFiles: "boot-files"
        case .writeFirewall: "firewall"
        case .trimFirewall: "trim-firewall"
        case .removeFirewall: "remove-firewall"
        case .writeRouting: "evpn"
        case .removeRouting: "remove-evpn"
        case .defineMachine: "define"
        case .updateMachine: "update"
        case .setBandwidth(_, let interface): "bandwidth-\(interface)"
        case .stopMachine: "stop"
        case .restartMachine: "restart"
        case .undefineMachine: "undefine"
        case .migrateMachine: "migrate"
        case .relocateMachine: "relocate"
        case .dropMachine: "drop"
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
        case .extendPool: "extending the volume group"
        case .growPool: "growing the thin pool"
        case .tendPool(let pool):
            pool.spec.lvm?.thinPool?.autoextend == nil
                ? "letting the thin pool keep its size" : "letting the thin pool grow by itself"
        case .markPool: "marking the volume group"
        case .removePool: "undefining the pool"
        case .importImage: "storing the image"
        case .removeImage: "removing the stored image"
        case .createVolume: "creating the volume"
        case .cloneVolume: "copying the volume it starts from"
        case .takeSnapshot: "taking the snapshot"
        case .finishPart: "naming a part of a snapshot"
        case .rotatePart: "removing an old part of a snapshot"
        case .growVolume: "growing the volume"
        case .growDisk: "growing the volume under the running machine"
        case .markVolume: "marking the volume"
        case .mapUnit: "making it a unit of its target"
        case .unmapUnit: "taking it from its target"
        case .copyVolume, .copyWithin: "copying the volume"
        case .moveDisk: "copying the disk under the running machine"
        case .removeReplaced: "removing the old copy"
        case .removeCopy: "removing the copy"
        case .removeVolume: "deleting the volume"
        case .keepDeleted: "putting the deleted volume aside"
        case .expireDeleted: "removing what a deleted volume has left"
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
        case .trimTunnel: "trimming the VXLAN link"
        case .removeTunnel: "removing the VXLAN link"
        case .createVLAN: "creating the VLAN's link"
        case .updateVLAN: "setting the VLAN's link"
        case .removeVLAN: "removing the VLAN's link"
        case .removeBridge: "removing the bridge"
        case .writeService: "setting up DHCP and DNS"
        case .removeService: "removing DHCP and DNS"
        case .writeBootFiles(_, let files): files.isEmpty ? "removing its boot files" : "writing its boot files"
        case .writeFirewall: "writing the firewall"
        case .trimFirewall: "trimming the firewall"
        case .removeFirewall: "removing the firewall"
        case .writeRouting: "telling FRR of its neighbours"
        case .removeRouting: "removing the fleet's part from FRR"
        case .defineMachine: "defining the machine"
        case .updateMachine: "patching the definition"
        case .setBandwidth: "limiting the interface"
        case .startMachine: "starting the machine"
        case .stopMachine: "stopping the machine"
        case .restartMachine: "restarting the machine"
        case .undefineMachine: "undefining the machine"
        case .migrateMachine, .relocateMachine: "moving the machine"
        case .dropMachine: "removing what a move has left"
        }
    }

    /// The other host that it reads or changes, by identity; nil when it is about one host alone.
    public var peer: String? {
        switch self {
        case .copyVolume(_, let host), .removeCopy(_, let host), .dropMachine(_, let host): host
        case .migrateMachine(_, let passage), .relocateMachine(_, let passage): passage.from
        default: nil
        }
    }

    /// Whether it is about the firewall or FRR, which are of the host as a whole.
    var isOfHost: Bool {
        switch self {
        case .writeFirewall, .trimFirewall, .removeFirewall, .writeRouting, .removeRouting: true
        default: false
        }
    }
}
