import Model

extension VirtualMachine.Interface {
    static let grammar = Record(
        "an interface", VirtualMachine.Interface(name: "", network: nil),
        [
            .required("name", \.name, .name, "Unique within the machine."),
            .optional("network", \.network, .name, required: true, sample: "other", "The Network it is on."),
            .optional(
                "address", \.address, .address, sample: IPAddress(ipv4: 10, 20, 0, 200),
                "The guest's address, told to it by cloud-init."),
            .optional(
                "mac", \.mac, .mac, sample: MACAddress(value: 0x5254_0000_0001),
                "Its Ethernet address; derived from the machine and the name if left out."),
            .defaulted("model", \.model, .word(), to: .virtio, "What the guest sees."),
            .defaulted(
                "spoofProtection", \.spoofProtection, .boolean, to: true,
                "Whether frames that are not from its own Ethernet address, or not from its address, are dropped."),
            .defaulted(
                "securityGroups", \.securityGroups, .list("groups", of: .name, sample: "other"), to: [],
                "The groups of its network that say what it receives; it receives anything if left out."),
            .optional(
                "bandwidth", \.bandwidth, Bandwidth.grammar.form,
                sample: Bandwidth(inbound: .init(average: BitRate(kilobytes: 1000))),
                "What it may send and receive; unlimited if left out."),
            .optional("device", \.device, .observed, stage: .placed, "The host's link."),
            .optional("bridge", \.bridge, .observed, stage: .placed, "The bridge it is a port of."),
            .optional(
                "mtu", \.mtu, .integer(0...65_535), stage: .placed, "Largest frame payload in bytes, told to the guest."
            ),
        ], reserved: ["addresses", "dhcp", "vlan", "bootOrder", "filter"])
}
