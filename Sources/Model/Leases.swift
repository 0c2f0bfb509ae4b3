/// Whether libvirt lets a machine of a host start only with disks that no other machine has, and which files those that run
/// there have so. A lease is a lock on the disk's file that virtlockd holds while the machine runs.
public struct Leases: Hashable, Sendable, Codable {
    /// Why a machine that starts there gets none; nil when it does.
    public var obstacle: String?
    /// The files on which machines of this host have one, sorted. One that was started before leases were on has none.
    public var held: [String]
    /// Whether the host could not be asked: nobody knows then whether its machines have leases, and `obstacle` says why.
    public var isUnknown: Bool

    /// How they are switched on.
    public static let help =
        "write `lock_manager = \"lockd\"` into /etc/libvirt/qemu.conf there, then `systemctl enable --now virtlockd.socket` and "
        + "`systemctl restart libvirtd` (virtqemud where that runs); guests go on, and each has its leases from its next start"

    /// An observation.
    public init(obstacle: String? = nil, held: [String] = [], isUnknown: Bool = false) {
        self.obstacle = obstacle
        self.held = held
        self.isUnknown = isUnknown
    }
}

/// The operator's word that a host is off, as the other hosts remember it.
public struct Fence: Hashable, Sendable, Codable {
    /// The machines of it that may start elsewhere, by identity, each with the volumes that it had: on each of them it had a
    /// lease. With others it may start nowhere else.
    public var machines: [String: [String]]
    /// Whether the host answered since: the word is no longer true of it.
    public var isOver: Bool

    /// A fence.
    public init(machines: [String: [String]], isOver: Bool = false) {
        self.machines = machines
        self.isOver = isOver
    }
}

extension HostInventory {
    /// Whether it is said to be off, and does not answer.
    public var isFenced: Bool { fence?.isOver == false }
}
