import Model

extension Network.Service {
    static let grammar = Record(
        "a network's DHCP and DNS", Network.Service(),
        [
            .optional("name", \.name, .observed, "The namespace."),
            .optional("link", \.link, .observed, "The host's end of the pair that joins it to the bridge."),
            .optional("bridge", \.bridge, .observed, "The bridge that end is a port of."),
            .defaulted("mtu", \.mtu, .integer(0...Int(Int32.max)), to: 0, "Largest frame payload in bytes."),
            .optional("mac", \.mac, .mac, "The Ethernet address of the end in the namespace."),
            .defaulted("up", \.isUp, .boolean, to: false, "Whether both ends are administratively up."),
            .defaulted(
                "isolated", \.isIsolated, .boolean, to: false, "Whether no frame passes between it and the tunnel."),
            .defaulted(
                "addresses", \.addresses, .list("addresses", of: .observed, sample: "other", duplicates: true), to: [],
                "The addresses in the namespace."),
            .defaulted(
                "options", \.options, .list("lines", of: .observed, sample: "other", duplicates: true), to: [],
                "Lines of dnsmasq's configuration."),
            .defaulted(
                "leases", \.leases,
                .list(
                    "leases", of: leaseGrammar.form,
                    sample: Lease(name: "other", mac: MACAddress(value: 1), address: .loopback), duplicates: true),
                to: [], "The guests' addresses."),
            .defaulted("serving", \.isServing, .boolean, to: false, "Whether dnsmasq runs with all that."),
        ])

    private static let leaseGrammar = Record(
        "a lease", Lease(name: "", mac: MACAddress(value: 0), address: .loopback),
        [
            .required("name", \.name, .observed, "The name that DNS answers to."),
            .required("mac", \.mac, .mac, "The interface's Ethernet address."),
            .required("address", \.address, .address, "The interface's address."),
        ])
}
