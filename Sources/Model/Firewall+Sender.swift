extension Firewall {
    /// Who a guest may say that it is. Its rules differ from those of all others in two values only, so that a table can
    /// hold the values of all in sets and the rules once.
    public struct Sender: Hashable, Sendable, Codable {
        /// The Ethernet address of its interface.
        public var mac: MACAddress
        /// The declared address; with nil it may have any.
        public var address: IPAddress?

        /// A sender.
        public init(mac: MACAddress, address: IPAddress?) {
            self.mac = mac
            self.address = address
        }

        /// All that differs from sender to sender, and which rules they are held to: those of another version are
        /// others.
        var summary: String { "sender \(Self.version) \(mac) \(address?.description ?? "")" }

        private static let version: String = {
            let mac = MACAddress(value: 0)
            let addresses = [nil, IPAddress("0.0.0.0"), IPAddress("::")]
            let statements = addresses.flatMap { Sender(mac: mac, address: $0).statements }
            return Firewall.digest(statements.joined(separator: "\n"))
        }()

        /// As nft(8) statements, one a rule: frames that it has no right to send are dropped. Those are frames from
        /// another's Ethernet address, answers of a DHCP server or a router, tags that would hide what is inside, and,
        /// where its address is declared, frames from any other address.
        public var statements: [String] {
            let always = [
                "ether saddr != \(mac) drop",
                "ether type { 8021q, 8021ad } drop",
                "arp saddr ether != \(mac) drop",
                "udp sport { 67, 547 } drop",
                "icmpv6 type { nd-router-advert, nd-redirect } drop",
            ]
            guard let address else { return always }
            let own = address.isIPv4 ? "{ 0.0.0.0, \(address) }" : "0.0.0.0"
            let local = "::, fe80::/10" + (address.isIPv4 ? "" : ", \(address)")
            // The prefix of what a host gives itself, fe80::/10, at the target of a neighbour advertisement.
            let target = address.isIPv4 ? "" : "@th,64,128 != 0x\(address.bytes.hexDigits) "
            return always + [
                "arp saddr ip != \(own) drop",
                // Before it has an address it asks for one.
                "ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept",
                address.isIPv4 ? "ip saddr != \(address) drop" : "ether type ip drop",
                "ip6 saddr != { \(local) } drop",
                "icmpv6 type nd-neighbor-advert \(target)@th,64,16 & 0xffc0 != 0xfe80 drop",
                // QEMU announces a guest that has moved by RARP.
                "ether type != { ip, arp, 0x8035, ip6 } drop",
            ]
        }
    }
}
