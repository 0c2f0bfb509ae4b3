/// A stable word for a kind of finding about manifests, with what a reader is told about all findings of that kind.
public struct FindingCode: Hashable, Sendable {
    /// What it takes to find it.
    public enum Knowledge: String, Sendable {
        /// The bytes of a file: reading the folder, UTF-8, YAML.
        case text
        /// One document: its fields and their values, which `Schemas/` knows as well.
        case document
        /// One document, in a way that JSON Schema cannot say.
        case rule
        /// The whole fleet: references, clashes, what fits what.
        case fleet
    }

    /// The word, in kebab case.
    public let code: String
    /// What it takes to find it.
    public let knowledge: Knowledge
    /// What is wrong, in a sentence.
    public let summary: String
    /// What to do about it, in a sentence or two.
    public let help: String

    /// All of them, sorted by word.
    public static let all: [FindingCode] = (text + document + rule + fleet).sorted { $0.code < $1.code }

    private static func codes(_ knowledge: Knowledge, _ rows: [(String, String, String)]) -> [FindingCode] {
        rows.map { FindingCode(code: $0.0, knowledge: knowledge, summary: $0.1, help: $0.2) }
    }

    private static let text = codes(
        .text,
        [
            ("alias", "A YAML anchor or alias.", "Write the value out where it is needed."),
            ("control-character", "A control character in a file.", "Leave it out, or escape it in double quotes."),
            ("directive", "A YAML directive.", "Leave it out; documents are YAML 1.2."),
            ("duplicate-key", "A key that a mapping has twice.", "Keep one of them."),
            ("encoding", "A file that is not UTF-8.", "Save it as UTF-8."),
            ("key", "A key that is no word.", "Write a short word."),
            ("merge-key", "A YAML merge key.", "Write the fields out."),
            ("not-a-file", "A manifest that is not a regular file.", "Put a regular file there."),
            ("symbolic-link", "A symbolic link among the manifests.", "Put the file itself there."),
            ("syntax", "Text that is not YAML.", "Mend the YAML at that place."),
            ("tag", "A YAML tag.", "Leave it out; the field decides how its value is read."),
            ("too-deep", "Folders or values nested too deeply.", "Nest less."),
            ("too-large", "A file or document that is too large.", "Split it."),
            ("too-many", "More of something than is accepted.", "Leave some out; mend the first problems first."),
            ("unreadable", "A file or folder that cannot be read.", "Check that it exists and may be read."),
        ])

    private static let document = codes(
        .document,
        [
            ("api-version", "A document of another version of the grammar.", "Write apiVersion: infra/v1."),
            ("conflict", "Two fields that exclude each other.", "Keep one of them."),
            ("missing-field", "A needed field is not there.", "Add it; `infra schema KIND` says what it means."),
            ("needs-value", "A field without a value.", "Give it a value, or leave the field out."),
            ("not-a-resource", "A document that is no resource.", "Write apiVersion, kind, metadata and spec."),
            ("not-yours", "A field that infra fills in.", "Leave it out of manifests."),
            ("plain-secret", "A secret in plain text.", "Refer to a file below the --secrets folder by secretRef."),
            ("unknown-field", "A field that there is not.", "Check its spelling and where it stands."),
            ("unknown-kind", "A kind of resource that there is not.", "Check the spelling of kind."),
            ("unsupported", "Something that this version does not have.", "Leave it out."),
            ("value", "A value that its field does not take.", "Write it in the form that the message names."),
            ("vlan-range", "A VLAN identifier out of range.", "Write a number from 1 to 4094."),
            ("vni-range", "A VXLAN network identifier out of range.", "Write a number from 1 to 16777215."),
        ])

    private static let rule = codes(
        .rule,
        [
            ("clone-format", "A raw volume as a layer over an image.", "Write clone: full, or format: qcow2."),
            ("cpu-count", "A number of processors out of range.", "Write 1 to 288, and max not below count."),
            ("duplicate", "A name, an identity or an item that is there twice.", "Give each its own."),
            ("ignored-field", "A path in ignoreChanges that names no field.", "Write one that the guide lists."),
            ("mtu", "A frame size out of range.", "Write 576 to 65535; a tunnel needs room on its underlay."),
            ("security-rule", "A rule of a security group that cannot be.", "Write it as the message says."),
            ("size", "A size out of range, or not a whole multiple.", "Write one that the message names."),
            (
                "url-address", "A URL that leads to a host itself or to a cloud's metadata.",
                "Name a server that other machines reach as well."
            ),
            ("write-files", "Secret files beside userData's write_files.", "Keep one of them."),
        ])

    private static let fleet = codes(
        .fleet,
        [
            ("address-gateway", "A guest with the gateway's address.", "Give it another address of the subnet."),
            ("address-outside", "An address outside its network's subnet.", "Give it one inside it."),
            ("address-reserved", "The first or last address of a subnet.", "Give it another address of the subnet."),
            ("address-server", "A guest with the address of DHCP and DNS.", "Give it another address of the subnet."),
            ("address-used", "An address that two interfaces have.", "Give each its own."),
            ("address-without-subnet", "An address where there is no subnet.", "Write spec.subnet at the network."),
            ("boot-order", "A place in the boot order that two disks have.", "Give each its own."),
            ("dhcp-evpn", "DHCP on a network by EVPN.", "Leave dhcp out, or write flooding: static."),
            ("dhcp-ipv6", "DHCP on an IPv6 subnet.", "Leave dhcp out; there is DHCP for IPv4 only."),
            ("dhcp-server", "DHCP without an address that answers it.", "Write subnet.server or subnet.gateway."),
            ("empty-fleet", "A fleet with nothing in it.", "Declare something; `infra destroy` removes everything."),
            ("evpn", "A network by EVPN that cannot be.", "Write it as the message says."),
            ("export-used", "An NFS export that two pools have.", "Declare it once, with all its hosts."),
            ("extent-size", "A size that is not whole extents of LVM.", "Write one that the message names."),
            ("gateway-outside", "A gateway outside its subnet.", "Give it an address inside."),
            (
                "group-without-address", "A member without an address of a group that rules name as remote.",
                "Write its address."
            ),
            ("group-images", "A volume group without the directory pool it needs.", "Write spec.lvm.images there."),
            ("group-used", "A volume group or a device that two pools have.", "Give each its own."),
            ("group-uuid", "A libvirt UUID at a volume group.", "Leave it out; libvirt does not know the group."),
            ("host-twice", "Two hosts that are reached at one address.", "Write each host's own address."),
            ("image-file", "An image's file cannot be used.", "Put the right regular file below the --files folder."),
            ("image-format", "An image of a format that does not fit its use.", "Refer to one that fits."),
            ("link-name", "Two networks with one name for their links.", "Rename one of them."),
            ("local-twice", "Two hosts that are both this machine.", "Keep one of them."),
            (
                "logical-unit", "A volume that no logical unit of an iSCSI target, or RBD image, can be.",
                "Write it as the message says."
            ),
            ("lun-used", "A logical unit, or a target, that two resources have.", "Declare it once."),
            ("mac-used", "An Ethernet address that two interfaces have.", "Give each its own, or leave mac out."),
            ("many-fleets", "More than one Fleet.", "Put each fleet into a folder of its own."),
            ("no-fleet", "No Fleet among the manifests.", "Write one with `infra init`."),
            ("no-underlay", "A host of a VXLAN network without an underlay.", "State spec.underlay.address there."),
            ("nothing-to-boot", "A machine with neither a disk nor a kernel.", "Give it one."),
            ("pool-elsewhere", "A disk in a pool that its host does not have.", "Take a pool of that host."),
            ("pool-leases", "Leases in a pool that is not shared.", "Say shared: true, or leave leases out."),
            ("pool-nested", "A pool inside another one.", "Give each pool a folder of its own, side by side."),
            ("pool-path", "A pool outside its host's storage roots.", "Put it below one of them."),
            (
                "pool-shared", "A shared pool that is adopted.",
                "Leave metadata.uuid out, and undefine the pool on its hosts."
            ),
            ("secret", "A secret that cannot be used.", "Put a file of mode 0600 below the --secrets folder."),
            ("server-outside", "A server's address outside its subnet.", "Give it an address inside."),
            ("snapshot-of-nothing", "A snapshot of a machine without disks.", "Name a machine with disks."),
            (
                "target-manager", "A target whose units are made, with hosts that cannot have them.",
                "Name the hosts whose machines have them, without the one that makes them."
            ),
            ("underlay-mixed", "A VXLAN network over IPv4 and IPv6.", "Give its hosts underlay addresses of one kind."),
            ("underlay-used", "An underlay address that two hosts have.", "Give each its own."),
            ("unknown-reference", "A name that no resource has.", "Check its spelling, or declare the resource."),
            ("vlan-link", "A VLAN on a link that infra makes.", "Name an interface of the host's own."),
            ("vlan-used", "A VLAN that two networks have on one interface.", "Give each its own."),
            (
                "logical-volume", "A volume in a volume group that says what files have.",
                "Write it as the message says."
            ),
            ("vni-used", "A VXLAN network identifier that two networks have.", "Give each its own."),
            ("volume-shared", "A volume that two disks use.", "Give each its own."),
            (
                "volume-source", "A volume that cannot be a copy of the one it names.",
                "Write clone: full, or name another."
            ),
        ])
}
