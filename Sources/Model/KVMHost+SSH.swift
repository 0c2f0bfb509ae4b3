extension KVMHost {
    /// A machine that is reached by ssh(1). Nothing of it is ever part of a shell's text.
    public struct SSH: Hashable, Sendable, Codable {
        /// Its name in DNS, or an IPv4 or IPv6 address without brackets.
        public var address: String
        /// sshd's port.
        public var port: Int
        /// The user there; it has to be one that may change links, files and libvirt's objects.
        public var user: String
        /// The file of the private key, below the controller's folder of ssh keys; the usual names there when nil.
        public var identity: String?
        /// The one key that the host may present, `ssh-ed25519 AAAA…`; nil where the controller's `known_hosts` decides.
        public var hostKey: String?

        /// The way to a machine.
        public init(
            address: String, port: Int = 22, user: String = "root", identity: String? = nil, hostKey: String? = nil
        ) {
            self.address = address
            self.port = port
            self.user = user
            self.identity = identity
            self.hostKey = hostKey
        }
    }
}

extension KVMHost.SSH: CustomStringConvertible {
    /// `root@192.0.2.12`, with the port where it is not 22.
    public var description: String {
        let host = address.contains(":") ? "[\(address)]" : address
        return "\(user)@\(host)" + (port == 22 ? "" : ":\(port)")
    }
}
