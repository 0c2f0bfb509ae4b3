import Model

extension Network {
    static let grammar = Document.grammar(
        .network, "a Network", Network(metadata: Metadata(name: ""), spec: Spec(mtu: 1500)),
        [
            .required("metadata", \.metadata, Metadata.grammar.form, "Name, identity and labels."),
            .required("spec", \.spec, specGrammar, "The links and the addresses on them."),
        ])

    static let recorded = grammar.adding([
        .optional("status", \.status, statusGrammar.form, "What was observed.")
    ])

    /// The specification as it is written: the frame size stands at the link that limits it.
    private struct Written {
        var tunnel: Outer?
        var bridge: Plain?
        var subnet: Subnet?
        var vlan: VLAN?
        var hosts: [String] = []
        var securityGroups: [SecurityGroup] = []

        struct Outer {
            var vxlan = VXLAN(vni: 0)
            var mtu: Int?
        }

        struct Plain {
            var mtu: Int?
            var name: String?
        }

        var spec: Spec {
            Spec(
                vxlan: tunnel?.vxlan, bridgeName: bridge?.name,
                mtu: tunnel?.mtu ?? bridge?.mtu ?? (tunnel == nil ? 1500 : 1450),
                subnet: subnet, vlan: vlan, hosts: hosts, securityGroups: securityGroups)
        }

        init() {}

        init(_ spec: Spec) {
            if let vxlan = spec.vxlan {
                tunnel = Outer(vxlan: vxlan, mtu: spec.mtu == 1450 ? nil : spec.mtu)
                bridge = spec.bridgeName.map { Plain(name: $0) }
            } else {
                bridge = Plain(mtu: spec.mtu == 1500 ? nil : spec.mtu, name: spec.bridgeName)
            }
            subnet = spec.subnet
            vlan = spec.vlan
            hosts = spec.hosts
            securityGroups = spec.securityGroups
        }
    }

    private static let specGrammar = Record(
        "a Network's spec", Written(),
        [
            .optional(
                "vxlan", \.tunnel, vxlanGrammar.form, sample: Written.Outer(vxlan: VXLAN(vni: 4242)),
                "The tunnel that joins the bridges of different hosts."),
            .optional(
                "bridge", \.bridge, bridgeGrammar.form, "The bridge on each host; {} for a network that stays on it."),
            .optional(
                "subnet", \.subnet, subnetGrammar.form, sample: CIDR("10.99.0.0/24").map { Subnet(cidr: $0) },
                "The addresses on the network."),
            .optional(
                "vlan", \.vlan, vlanForm, sample: VLAN(host: "other", interface: "eth7", id: 42),
                "A VLAN on an interface of one host that is part of the network."),
            .defaulted(
                "hosts", \.hosts, .list("hosts", of: .name, sample: "other"), to: [],
                "Hosts that carry it beside those on which a member is placed."),
            .defaulted(
                "securityGroups", \.securityGroups,
                .named(
                    SecurityGroup.grammar.form, SecurityGroup.grammar.title, by: \.name,
                    sample: SecurityGroup(name: "added")), to: [],
                "What interfaces on it may receive, by groups that they name."),
        ], reserved: ["hostSelector", "nat", "router"],
        together: [
            ("anyOf", .array(["vxlan", "bridge"].map { .members([("required", .array([.string($0)]))]) }))
        ]
    ) { written, decoding, node in
        guard decoding.mode == .manifest else { return }
        if written.tunnel == nil, written.bridge == nil {
            decoding.fail(
                node, "missing-field", "a Network's spec needs vxlan or bridge",
                help: "vxlan: {vni: 10010} for one that spans hosts, bridge: {} for one that stays on its host")
        }
        if let outer = written.tunnel?.mtu, let inner = written.bridge?.mtu, outer != inner,
            let bridge = decoding.tree.value(of: "bridge", in: node)
        {
            decoding.fail(
                bridge, "conflict", "the bridge's mtu \(inner) is not the tunnel's \(outer)",
                help: "write the mtu once, below vxlan")
        }
    }.form.converted(
        to: { written, _, _ in written.spec }, from: { Written($0) },
        varied: { $0.tunnel == nil && $0.bridge == nil ? nil : $0.spec })

    private static let frame = Form<Int>.integer(576...65_535, code: "mtu")

    private static let vxlanGrammar = Record(
        "a tunnel", Written.Outer(),
        [
            .required(
                "vni", \.vxlan.vni, .integer(1...16_777_215, code: "vni-range"),
                "The VXLAN network identifier (RFC 7348)."),
            .optional("mtu", \.mtu, frame, sample: 1400, "Largest frame payload in bytes; 1450 if left out."),
            .defaulted("port", \.vxlan.port, .integer(1...65_535), to: 4789, "The UDP port."),
            .optional(
                "name", \.vxlan.name, .linkName, sample: "vxlan7",
                "The link's own name; one of that name that is there is adopted. Derived if left out."),
            .defaulted(
                "flooding", \.vxlan.flooding, .word(), to: .static,
                "How frames of unknown destination find their way: to each host that carries it, or as BGP says (FRR)."
            ),
            .defaulted(
                "peers", \.vxlan.peers,
                .list("addresses", of: .address, sample: IPAddress(ipv4: 192, 0, 2, 240)), to: [],
                "Tunnel ends outside the fleet that are flooded to as well."),
        ])

    private static let bridgeGrammar = Record(
        "a bridge", Written.Plain(),
        [
            .optional("mtu", \.mtu, frame, sample: 1400, "Largest frame payload in bytes; 1500 if left out."),
            .optional(
                "name", \.name, .linkName, sample: "br7",
                "The bridge's own name; one of that name that is there is adopted. Derived if left out."),
        ],
        reserved: ["vlan", "uplink", "interface"])

    private static let vlanGrammar = Record(
        "a VLAN", VLAN(host: "", interface: "", id: 0),
        [
            .required("host", \.host, .name, "The host whose interface it is on; it carries the network."),
            .required("interface", \.interface, .linkName, "That interface, which is there and stays as it is."),
            .required("id", \.id, .integer(1...4094, code: "vlan-range"), "The VLAN identifier (IEEE 802.1Q)."),
        ])

    /// Whoever writes two is told why there is one.
    private static let vlanForm = Form<VLAN>(
        schema: vlanGrammar.form.schema,
        read: { decoding, node in
            guard decoding.tree.kind(node) == .sequence else { return vlanGrammar.form.read(decoding, node) }
            decoding.fail(
                node, "value", "a network has one VLAN at most: two would be a loop",
                help: "write vlan: {host: …, interface: …, id: …} for the one place where it is joined")
            return nil
        },
        write: vlanGrammar.form.write, vary: vlanGrammar.form.vary)

    private static let subnetGrammar = Record(
        "a subnet", Subnet(cidr: .placeholder),
        [
            .required("cidr", \.cidr, .cidr, "The block of addresses."),
            .optional(
                "gateway", \.gateway, .address, sample: IPAddress(ipv4: 10, 20, 0, 254),
                "The router guests are told of."),
            .defaulted(
                "dhcp", \.servesDHCP, .boolean, to: false,
                "Whether each host that carries the network answers its guests' DHCP and DNS."),
            .optional(
                "server", \.server, .address, sample: IPAddress(ipv4: 10, 20, 0, 253),
                "The address at which they are answered; the gateway's if left out."),
            .defaulted(
                "dns", \.dns, .list("addresses", of: .address, sample: IPAddress(ipv4: 192, 0, 2, 53)), to: [],
                "The name servers guests are told of."),
        ], reserved: ["range", "ranges", "domain", "nat"])
}

extension CIDR {
    /// Stands for a block that is still to be read.
    fileprivate static let placeholder: CIDR = {
        guard let any = CIDR("0.0.0.0/0") else { preconditionFailure("0.0.0.0/0 is a block of addresses") }
        return any
    }()
}
