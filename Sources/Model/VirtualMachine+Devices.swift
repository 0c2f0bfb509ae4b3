extension VirtualMachine {
    /// A disk of a machine. In libvirt its alias is `ua-disk-<name>`.
    public struct Disk: Hashable, Sendable, Codable {
        /// How the guest sees it.
        public enum Bus: String, CaseIterable, Codable, Sendable {
            /// virtio-blk.
            case virtio
            /// On the virtio-scsi controller.
            case scsi
            /// On the SATA controller.
            case sata
        }

        /// Unique within the machine.
        public var name: String
        /// The `Volume`, by identity; `<vm>.<disk>` for one declared in place. Nil for one observed under a path
        /// that is no volume of ours.
        public var volume: String?
        /// The volume's declaration when it is declared in place; resolved away by planning.
        public var declared: Volume.Spec?
        /// How the guest sees it.
        public var bus: Bus
        /// Its place in the firmware's boot order, from 1; not booted from when nil.
        public var bootOrder: Int?
        /// Where the volume is; filled in by placement.
        public var path: String?
        /// How its bytes are read; filled in by placement.
        public var format: Volume.Format?

        /// A disk.
        public init(
            name: String, volume: String?, declared: Volume.Spec? = nil, bus: Bus = .virtio, bootOrder: Int? = nil,
            path: String? = nil, format: Volume.Format? = nil
        ) {
            self.name = name
            self.volume = volume
            self.declared = declared
            self.bus = bus
            self.bootOrder = bootOrder
            self.path = path
            self.format = format
        }

        /// Whether it is a block device, such as a logical volume, and no file.
        public var isDevice: Bool { path?.hasPrefix("/dev/") ?? false }
    }

    /// A network interface of a machine. In libvirt its alias is `ua-nic-<name>`.
    public struct Interface: Hashable, Sendable, Codable {
        /// What the guest sees.
        public enum Model: String, CaseIterable, Codable, Sendable {
            /// virtio-net.
            case virtio
            /// Intel's gigabit card, for guests without virtio.
            case e1000e
        }

        /// Unique within the machine.
        public var name: String
        /// The `Network`, by identity. Nil for one observed on a bridge that is no network of the fleet.
        public var network: String?
        /// The guest's address, told to it by cloud-init. Not observable from the host.
        public var address: IPAddress?
        /// Its Ethernet address; derived from the machine and the name unless stated. Filled in by planning.
        public var mac: MACAddress?
        /// What the guest sees.
        public var model: Model
        /// Whether its frames are held to its Ethernet address and its declared address. Not observable.
        public var spoofProtection: Bool
        /// The groups of its network that it is in; it receives anything when there are none. Not observable.
        public var securityGroups: [String]
        /// What it may send and receive; unlimited when nil.
        public var bandwidth: Bandwidth?
        /// The host's link, where the definition names it; filled in by placement.
        public var device: String?
        /// The bridge it is a port of; filled in by placement.
        public var bridge: String?
        /// Largest frame payload in bytes, told to the guest; filled in by placement.
        public var mtu: Int?

        /// An interface.
        public init(
            name: String, network: String?, address: IPAddress? = nil, mac: MACAddress? = nil,
            model: Model = .virtio, spoofProtection: Bool = true, securityGroups: [String] = [],
            bandwidth: Bandwidth? = nil, device: String? = nil, bridge: String? = nil, mtu: Int? = nil
        ) {
            self.name = name
            self.network = network
            self.address = address
            self.mac = mac
            self.model = model
            self.spoofProtection = spoofProtection
            self.securityGroups = securityGroups
            self.bandwidth = bandwidth
            self.device = device
            self.bridge = bridge
            self.mtu = mtu
        }
    }

    /// Serial console and display.
    public struct Console: Hashable, Sendable, Codable {
        /// A VNC display.
        public struct VNC: Hashable, Sendable, Codable {
            /// The address it listens on.
            public var listen: IPAddress
            /// The TCP port; libvirt's choice when nil.
            public var port: Int?

            /// A display.
            public init(listen: IPAddress = .loopback, port: Int? = nil) {
                self.listen = listen
                self.port = port
            }
        }

        /// Where the host keeps what the serial console prints; nothing is kept when nil.
        /// Filled in by placement from `serial.log`.
        public var serialLogPath: String?
        /// Whether the host keeps what the serial console prints.
        public var serialLog: Bool
        /// The display; none when nil.
        public var vnc: VNC?

        /// A console.
        public init(serialLog: Bool = true, serialLogPath: String? = nil, vnc: VNC? = nil) {
            self.serialLog = serialLog
            self.serialLogPath = serialLogPath
            self.vnc = vnc
        }
    }

    /// The NoCloud seed of a machine, an ISO 9660 image labelled `cidata` on its CD-ROM (alias `ua-cdrom-seed`).
    public struct Seed: Hashable, Sendable, Codable {
        /// The absolute path, `…/<vm>.seed.<uuid8>.iso`, mode 0600.
        public var path: String
        /// Hex digits of HMAC-SHA-256 over the contents, keyed with the salt; nil of a seed that was not observed.
        public var digest: String?
        /// The salt, hex digits, kept in the seed's own extended attribute; nil of a seed not yet written.
        public var salt: String?

        /// A seed.
        public init(path: String, digest: String? = nil, salt: String? = nil) {
            self.path = path
            self.digest = digest
            self.salt = salt
        }
    }
}

extension IPAddress {
    /// 127.0.0.1.
    public static let loopback = IPAddress(ipv4: 127, 0, 0, 1)
}
