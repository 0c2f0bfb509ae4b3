import Model

/// The `Host` document of an inventory: the host, and what was seen on it beside resources.
struct HostRecord: Sendable {
    /// What stands below `status`.
    struct Status: Sendable {
        var observed: KVMHost.Status?
        var seeds: [String: VirtualMachine.Seed] = [:]
        var stagedLinks: [String] = []
        var looseTaps: [Tap] = []
        var firewall: Firewall?
        var tracksConnections: Bool?
        var boot: BootConfiguration?
        var shaping: Shaping?
        var evpn: EVPN?
        var foreignRouter: BGPRouter?
        var underlayMTU: Int?
        var vlans: VLANGround?
        var targets: [ISCSITarget] = []
        var foreign: [ForeignObject] = []
        var adoptable = Adoptable()
        var unknown: [UnknownArea] = []
        var lastSeen: [String]?
        var lastSeenVolumes: [String]?
        var leases: Leases?
        var fence: Fence?
    }

    var host = KVMHost(metadata: Metadata(name: ""))
    var status = Status()

    static let grammar = Document.grammar(
        .host, "a Host", HostRecord(),
        [
            .required("metadata", \.host.metadata, Metadata.grammar.form, "Name, identity and labels."),
            .required("spec", \.host.spec, KVMHost.specGrammar.form, "What the host is and offers."),
            .required("status", \.status, statusGrammar.form, "What was observed."),
        ])

    private static let statusGrammar = Record(
        "a host's status", Status(),
        [
            .optional(
                "observed", \.observed, observedGrammar.form, "The host itself; left out when it did not answer."),
            .defaulted(
                "seeds", \.seeds,
                .dictionary(
                    "seeds", key: .observed, of: VirtualMachine.seedGrammar.form,
                    sample: ("other", VirtualMachine.Seed(path: "/other"))), to: [:], "Seeds, by machine."),
            .defaulted(
                "stagedLinks", \.stagedLinks, .list("links", of: .observed, sample: "other"), to: [],
                "Links that were not finished."),
            .defaulted(
                "looseTaps", \.looseTaps,
                .list("taps", of: tapGrammar.form, sample: Tap(machine: "other", device: "vnet0", bridge: "br0")),
                to: [],
                "Interfaces of running machines that are no ports of their bridge."),
            .optional("firewall", \.firewall, firewallGrammar.form, "What the fleet filters."),
            .optional(
                "tracksConnections", \.tracksConnections, .boolean,
                "Whether the kernel tracks connections on bridges."),
            .optional("boot", \.boot, bootGrammar.form, "What the host does by itself when it starts."),
            .optional("shaping", \.shaping, .word(), "What holds interfaces to their bandwidth."),
            .optional("evpn", \.evpn, evpnGrammar.form, "What FRR says for the fleet."),
            .optional("foreignRouter", \.foreignRouter, routerGrammar.form, "FRR's router that is not ours."),
            .optional(
                "underlayMTU", \.underlayMTU, .integer(0...Int(Int32.max)),
                "Largest frame payload of the underlay's link."),
            .optional(
                "vlans", \.vlans, vlanGrammar.form, sample: VLANGround(isThere: true), "What its VLANs need."),
            .defaulted(
                "targets", \.targets,
                .list("targets", of: targetGrammar.form, sample: ISCSITarget(name: "iqn.2026-01.example:other")),
                to: [], "The targets of the iSCSI server that runs on it."),
            .defaulted(
                "foreign", \.foreign,
                .list("objects", of: foreignGrammar.form, sample: ForeignObject(kind: .domain, name: "other")), to: [],
                "What is not ours."),
            .defaulted(
                "adoptable", \.adoptable, adoptableGrammar.form, to: Adoptable(),
                "What of it a manifest could adopt."),
            .defaulted(
                "unknown", \.unknown,
                .list("areas", of: unknownGrammar.form, sample: UnknownArea(.host, reason: "other")), to: [],
                "What could not be observed."),
            .optional(
                "lastSeen", \.lastSeen, .list("machines", of: .observed, sample: "other"),
                "Machines that were there when the host was last seen."),
            .optional(
                "lastSeenVolumes", \.lastSeenVolumes, .list("volumes", of: .observed, sample: "other"),
                "Volumes that were there then, in pools that no other host reaches."),
            .optional("leases", \.leases, leasesGrammar.form, "What keeps its machines' disks from being used twice."),
            .optional(
                "fence", \.fence, fenceGrammar.form, sample: Fence(machines: ["other": ["other.root"]]),
                "The operator's word that it is off."),
        ])

    private static let observedGrammar = Record(
        "an observed host",
        KVMHost.Status(
            uuid: .none, hostname: "", cpu: 0, memory: ByteCount(0), accelerator: .tcg, acceleratorReason: "",
            libvirtVersion: ""),
        [
            .required("uuid", \.uuid, .uuid, "UUIDv5 of /etc/machine-id."),
            .required("hostname", \.hostname, .observed, "The machine's own name."),
            .required("cpu", \.cpu, .integer(0...65_536), "Processors that are there."),
            .required("memory", \.memory, .anySize, "Memory that is there."),
            .required("accelerator", \.accelerator, .word(), "What was proven to run guest code."),
            .required("acceleratorReason", \.acceleratorReason, .observed, "Why that one."),
            .required("libvirtVersion", \.libvirtVersion, .observed, "libvirt's version."),
        ])

    private static let leasesGrammar = Record(
        "leases", Leases(),
        [
            .optional("obstacle", \.obstacle, .observed, "Why a machine that starts there gets none."),
            .defaulted(
                "held", \.held, .list("files", of: .observed, sample: "/other", duplicates: true), to: [],
                "The files on which machines of this host have one."),
            .defaulted("unknown", \.isUnknown, .boolean, to: false, "Whether the host could not be asked."),
        ])

    private static let fenceGrammar = Record(
        "a fence", Fence(machines: [:]),
        [
            .required(
                "machines", \.machines,
                .dictionary(
                    "machines", key: .observed, of: .list("volumes", of: .observed, sample: "other.data"),
                    sample: ("another", ["another.root"])),
                "The machines that may start elsewhere, with their volumes."),
            .defaulted("over", \.isOver, .boolean, to: false, "Whether the host answered since."),
        ])

    private static let targetGrammar = Record(
        "a target", ISCSITarget(name: ""),
        [
            .required("name", \.name, .observed, "Its name."),
            .defaulted(
                "units", \.units,
                .list("units", of: unitGrammar.form, sample: ISCSITarget.Unit(number: 1, path: "/other")), to: [],
                "Its logical units."),
        ])

    private static let unitGrammar = Record(
        "a logical unit", ISCSITarget.Unit(number: 0, path: ""),
        [
            .required("number", \.number, .integer(0...16_383), "Its number."),
            .required("path", \.path, .observed, "The file or device behind it."),
        ])

    private static let tapGrammar = Record(
        "a tap", Tap(machine: "", device: "", bridge: ""),
        [
            .required("machine", \.machine, .observed, "The machine."),
            .required("device", \.device, .observed, "The link's name."),
            .required("bridge", \.bridge, .observed, "The bridge it is to be a port of."),
        ])

    private static let vlanGrammar = Record(
        "what VLANs need", VLANGround(isThere: false),
        [
            .required("there", \.isThere, .boolean, "Whether the kernel makes VLANs."),
            .defaulted(
                "interfaces", \.interfaces,
                .list("interfaces", of: interfaceGrammar.form, sample: interfaceGrammar.initial, duplicates: true),
                to: [], "The interfaces that VLANs of the manifests are on."),
        ])

    private static let interfaceGrammar = Record(
        "an interface", VLANGround.Interface(name: "", mtu: 0),
        [
            .required("name", \.name, .observed, "Its name."),
            .required("mtu", \.mtu, .integer(0...Int(Int32.max)), "Largest frame payload in bytes."),
        ])

    private static let firewallGrammar = Record(
        "a firewall", Firewall(),
        [
            .defaulted(
                "ports", \.ports, .list("ports", of: portGrammar.form, sample: portGrammar.initial, duplicates: true),
                to: [], "The rules of each interface."),
            .defaulted("intact", \.isIntact, .boolean, to: true, "Whether it is as it was written."),
            .defaulted("saved", \.isSaved, .boolean, to: true, "Whether the host loads it when it starts."),
        ])

    private static let bootGrammar = Record(
        "what a host does when it starts", BootConfiguration(makesLinks: false, loadsFirewall: false),
        [
            .required("makesLinks", \.makesLinks, .boolean, "Whether systemd-networkd runs."),
            .required("loadsFirewall", \.loadsFirewall, .boolean, "Whether systemd runs."),
            .defaulted(
                "files", \.files,
                .list("files", of: bootFileGrammar.form, sample: bootFileGrammar.initial, duplicates: true), to: [],
                "The fleet's files for links."),
        ])

    private static let bootFileGrammar = Record(
        "a file for links", BootFile(network: "", name: "", text: ""),
        [
            .required("network", \.network, .observed, "The network."),
            .required("name", \.name, .observed, "The file's name."),
            .required("text", \.text, .observed, "What it says."),
        ])

    private static let asn = Form<Int>.integer(0...4_294_967_295)

    private static let evpnGrammar = Record(
        "EVPN", EVPN(asn: 0, address: .loopback),
        [
            .required("asn", \.asn, asn, "The autonomous system."),
            .required("address", \.address, .address, "What sessions begin at."),
            .defaulted(
                "neighbors", \.neighbors, .list("addresses", of: .address, sample: .loopback, duplicates: true), to: [],
                "The other speakers."),
            .defaulted("ownsRouter", \.ownsRouter, .boolean, to: true, "Whether the router goes with the fleet."),
            .defaulted(
                "ownsAdvertising", \.ownsAdvertising, .boolean, to: true,
                "Whether advertise-all-vni goes with the fleet."),
            .defaulted("intact", \.isIntact, .boolean, to: true, "Whether what runs says exactly this."),
            .defaulted("saved", \.isSaved, .boolean, to: true, "Whether FRR's file says it too."),
        ])

    private static let routerGrammar = Record(
        "a router", BGPRouter(asn: 0),
        [
            .required("asn", \.asn, asn, "Its autonomous system."),
            .defaulted("advertises", \.advertises, .boolean, to: false, "Whether it advertises all VNIs."),
            .defaulted(
                "neighbors", \.neighbors, .list("addresses", of: .address, sample: .loopback, duplicates: true), to: [],
                "Its neighbours."),
        ])

    private static let portGrammar = Record(
        "rules of an interface",
        Firewall.Port(name: "", machine: "", interface: "", devices: [], to: [], digest: ""),
        [
            .required("name", \.name, .observed, "The link's derived name."),
            .required("machine", \.machine, .observed, "The machine."),
            .required("interface", \.interface, .observed, "The interface."),
            .required("devices", \.devices, statements, "The links."),
            .defaulted("from", \.from, statements, to: [], "What frames from the guest pass first."),
            .optional("sender", \.sender, senderGrammar.form, "Whose they have to be."),
            .defaulted("to", \.to, statements, to: [], "What frames to the guest pass."),
            .required("digest", \.digest, .observed, "A digest of the rules as they were written."),
        ])

    private static let senderGrammar = Record(
        "a sender", Firewall.Sender(mac: MACAddress(value: 0), address: nil),
        [
            .required("mac", \.mac, .mac, "The interface's Ethernet address."),
            .optional("address", \.address, .address, "The declared address."),
        ])

    private static let statements = Form<[String]>.list("lines", of: .observed, sample: "other", duplicates: true)

    private static let foreignGrammar = Record(
        "a foreign object", ForeignObject(kind: .file, name: ""),
        [
            .required("kind", \.kind, .word(), "What it is."),
            .required("name", \.name, .observed, "Its name."),
            .defaulted("owner", \.owner, .observed, to: "", "What it belongs to, when it says so."),
            .optional("uuid", \.uuid, .observed, "Its UUID."),
            .optional("path", \.path, .observed, "A pool's target folder."),
            .optional("vni", \.vni, .integer(0...16_777_215), "A VXLAN link's identifier."),
            .optional("port", \.port, .integer(0...65_535), "A VXLAN link's UDP port."),
            .optional("vlan", \.vlan, .integer(0...4095), "A VLAN's identifier."),
            .optional("interface", \.interface, .observed, "The interface that a VLAN is on."),
            .optional("cpu", \.cpu, .integer(0...65_536), "A running domain's processors."),
            .optional("memory", \.memory, .anySize, "A running domain's memory."),
            .defaulted(
                "macs", \.macs, .list("addresses", of: .mac, sample: MACAddress(value: 1), duplicates: true), to: [],
                "A domain's Ethernet addresses."),
            .optional("obstacle", \.obstacle, .observed, "Why no manifest can adopt it."),
        ])

    private static let adoptableGrammar = Record(
        "what could be adopted", Adoptable(),
        [
            .defaulted("pools", \.pools, list(StoragePool.recorded), to: [], "Folders of disk images."),
            .defaulted("volumes", \.volumes, list(Volume.recorded), to: [], "Disk images."),
            .defaulted("networks", \.networks, list(Network.recorded), to: [], "Bridges and VXLAN links."),
            .defaulted("machines", \.machines, list(VirtualMachine.recorded), to: [], "Domains."),
        ])

    private static func list<Root: Sendable & Hashable>(_ grammar: Record<Root>) -> Form<[Root]> {
        .list("documents", of: grammar.form, sample: grammar.initial, duplicates: true)
    }

    private static let unknownGrammar = Record(
        "an unknown area", UnknownArea(.host, reason: ""),
        [
            .required("area", \.area, .word(), "Which part."),
            .optional("resource", \.resource, resourceForm, "The one resource, when the rest was observed."),
            .required("reason", \.reason, .observed, "What went wrong."),
        ])

    private static let resourceForm = Form<ResourceID>.text(
        "a resource", accepted: "write Kind/id", samples: [], parse: { ResourceID($0) }, print: \.description)
}
