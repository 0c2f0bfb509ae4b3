extension IPAddress {
    /// Why nothing is fetched from this address, as the end of a sentence; nil for one that is as good as any other.
    ///
    /// A host may be told by a manifest, or by a server that it asks, to fetch from anywhere. What answers at these addresses
    /// answers the host because it is that host: services of its own, and those that hand out a cloud machine's credentials.
    /// Private networks are no such thing; the servers of a rack are there.
    public var objectionToFetching: String? {
        if !isIPv4, bytes.dropLast().allSatisfy({ $0 == 0 }), bytes[15] < 2 {
            return bytes[15] == 0 ? "the unspecified address" : "a loopback address"
        }
        if let inner = embedded { return inner.objectionToFetching }
        if isMulticast { return "a multicast address" }
        if Self.metadataServices.contains(self) { return "the address of a cloud's metadata service" }
        guard isIPv4 else { return bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80 ? "a link-local address" : nil }
        switch (bytes[0], bytes[1]) {
        case (0, _): return "an unspecified address"
        case (127, _): return "a loopback address"
        case (169, 254): return "a link-local address"
        case (240..., _): return "a reserved address"
        default: return nil
        }
    }

    /// Those of the large clouds that are not link-local.
    private static let metadataServices: Set<IPAddress> = Set(
        ["fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"].compactMap {
            IPAddress($0)
        })

    /// The IPv4 address that an IPv6 address stands for: mapped or compatible (RFC 4291), by NAT64 (RFC 6052) or by 6to4
    /// (RFC 3056).
    private var embedded: IPAddress? {
        guard !isIPv4 else { return nil }
        let prefixes: [[UInt8]] = [
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0],
        ]
        if prefixes.contains(where: bytes.starts) { return IPAddress(bytes: Array(bytes[12...])) }
        if bytes[0] == 0x20, bytes[1] == 0x02 { return IPAddress(bytes: Array(bytes[2..<6])) }
        return nil
    }
}
