import Model

extension SecurityGroup {
    static let grammar = Record(
        "a security group", SecurityGroup(name: ""),
        [
            .required("name", \.name, .name, "Unique within the network."),
            .defaulted(
                "stateful", \.isStateful, .boolean, to: true,
                "Whether answers to what a member sent come in without a rule; the kernel has to track connections."),
            .defaulted(
                "ingress", \.ingress,
                .list("rules", of: rule.form, sample: Rule(transport: .tcp, port: 9)), to: [],
                "What may come in; nothing else does."),
        ], reserved: ["egress", "labels", "podSelector"])

    private static let rule = Record(
        "a rule", Rule(),
        [
            .defaulted("protocol", \.transport, .word(), to: .any, "What it is about."),
            .optional("port", \.port, .integer(1...65_535), "The first port, of TCP and UDP; every port if left out."),
            .optional("endPort", \.endPort, .integer(1...65_535), "The last port; port if left out."),
            .optional("cidr", \.cidr, .cidr, "From where; from anywhere without cidr and group."),
            .optional(
                "group", \.group, .name, "From the declared addresses of the members of that group of this network."),
        ], reserved: ["ports", "icmpType", "direction", "from"]
    ) { rule, decoding, node in
        guard decoding.mode == .manifest else { return }
        func fail(_ field: String, _ message: String, _ help: String) {
            decoding.fail(decoding.tree.value(of: field, in: node) ?? node, "security-rule", message, help: help)
        }
        if rule.port != nil, rule.transport != .tcp, rule.transport != .udp {
            fail("port", "\(rule.transport.rawValue) has no ports", "write protocol: tcp or protocol: udp")
        }
        if let last = rule.endPort, last < rule.port ?? .max {
            fail("endPort", "endPort \(last) is not the end of a range", "write port, not above endPort")
        }
        if rule.cidr != nil, rule.group != nil {
            fail("group", "cidr and group exclude each other", "write two rules")
        }
        if let cidr = rule.cidr,
            rule.transport == .icmp && !cidr.address.isIPv4
                || rule.transport == .icmpv6 && cidr.address.isIPv4
        {
            fail("cidr", "\(cidr) is of another family than \(rule.transport.rawValue)", "write icmp or icmpv6")
        }
    }
}
