/// One host's part of Ethernet VPN (RFC 7432, for VXLAN RFC 8365): what BGP in FRR says for a fleet. Every speaker of a
/// fleet is in one autonomous system (iBGP) and a member of one peer group, whose name and description are our mark.
public struct EVPN: Hashable, Sendable, Codable {
    /// The autonomous system.
    public var asn: Int
    /// What sessions begin at: the underlay's address. Of a router that is ours its identifier too.
    public var address: IPAddress
    /// The other speakers, sorted.
    public var neighbors: [IPAddress]
    /// Whether the host's `router bgp` was made for the fleet, and goes with it.
    public var ownsRouter: Bool
    /// Whether `advertise-all-vni` was written for the fleet, and goes with it.
    public var ownsAdvertising: Bool
    /// Whether what runs says exactly this.
    public var isIntact: Bool
    /// Whether FRR's file says it too, so that it comes back with FRR. Without such a file it cannot, and is true.
    public var isSaved: Bool

    /// A host's part.
    public init(
        asn: Int, address: IPAddress, neighbors: [IPAddress] = [], ownsRouter: Bool = true,
        ownsAdvertising: Bool = true, isIntact: Bool = true, isSaved: Bool = true
    ) {
        self.asn = asn
        self.address = address
        self.neighbors = neighbors
        self.ownsRouter = ownsRouter
        self.ownsAdvertising = ownsAdvertising
        self.isIntact = isIntact
        self.isSaved = isSaved
    }
}

/// A host's `router bgp` that somebody else made.
public struct BGPRouter: Hashable, Sendable, Codable {
    /// Its autonomous system.
    public var asn: Int
    /// Whether it says `advertise-all-vni` by itself.
    public var advertises: Bool
    /// Its neighbours, sorted, without those of the fleet. One is in one peer group only, and loses what was said of it
    /// when it joins another.
    public var neighbors: [IPAddress]

    /// A router.
    public init(asn: Int, advertises: Bool = false, neighbors: [IPAddress] = []) {
        self.asn = asn
        self.advertises = advertises
        self.neighbors = neighbors
    }
}
