import Model

extension Network {
    static let statusGrammar = Record(
        "a network's status", Status(host: "", uuid: .none),
        [
            .required("host", \.host, .observed, "The host."),
            .required("uuid", \.uuid, .uuid, "UUIDv5 of the fleet and the identity."),
            .optional("bridge", \.bridge, bridgeLink.form, "The bridge's link."),
            .optional("tunnel", \.tunnel, tunnelLink.form, "The tunnel's link."),
            .optional("vlan", \.vlan, vlanLink.form, "The VLAN's link."),
            .optional("service", \.service, Service.grammar.form, sample: Service(), "DHCP and DNS."),
        ])

    private static let number = Form<Int>.integer(0...Int(Int32.max))

    private static let bridgeLink = Record(
        "a bridge's link", Bridge(name: "", mtu: 0),
        [
            .required("name", \.name, .observed, "The link's name."),
            .required("mtu", \.mtu, number, "Largest frame payload in bytes."),
            .defaulted("up", \.isUp, .boolean, to: true, "Whether it is administratively up."),
        ])

    private static let vlanLink = Record(
        "a VLAN's link", VLANLink(name: "", id: 0, interface: nil, mtu: 0, bridge: nil),
        [
            .required("name", \.name, .observed, "The link's name."),
            .required("id", \.id, number, "The VLAN identifier."),
            .optional("interface", \.interface, .observed, "The interface it is on."),
            .required("mtu", \.mtu, number, "Largest frame payload in bytes."),
            .defaulted("up", \.isUp, .boolean, to: true, "Whether it is administratively up."),
            .optional("bridge", \.bridge, .observed, "The bridge it is a port of."),
        ])

    private static let tunnelLink = Record(
        "a tunnel's link", Tunnel(name: "", vni: 0, port: 0, local: nil, mtu: 0, bridge: nil),
        [
            .required("name", \.name, .observed, "The link's name."),
            .required("vni", \.vni, number, "The VXLAN network identifier."),
            .required("port", \.port, number, "The UDP port."),
            .optional("local", \.local, .address, "The address it begins at."),
            .optional("interface", \.interface, .observed, "The interface it is bound to."),
            .required("mtu", \.mtu, number, "Largest frame payload in bytes."),
            .defaulted("up", \.isUp, .boolean, to: true, "Whether it is administratively up."),
            .optional("bridge", \.bridge, .observed, "The bridge it is a port of."),
            .defaulted(
                "flood", \.flood, .list("addresses", of: .address, sample: .loopback, duplicates: true), to: [],
                "The destinations it floods to."),
            .defaulted("flooding", \.flooding, .word(), to: .static, "Who learns addresses: the link, or BGP."),
            .defaulted("learns", \.bridgeLearns, .boolean, to: true, "Whether the bridge learns from it."),
            .defaulted(
                "suppresses", \.suppressesNeighbors, .boolean, to: false,
                "Whether the bridge answers in place of neighbours behind it."),
        ])
}
