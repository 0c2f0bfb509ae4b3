import Crypto
public import Foundation

/// Every derived name and identifier, as pure functions of the fleet and a resource. What these return is what marks
/// our objects on a host, so a change here is a change of format.
public struct Identity: Hashable, Sendable {
    /// The fleet's UUID, the namespace of everything below.
    public let fleet: UUID

    /// The identities of one fleet.
    public init(fleet: UUID) { self.fleet = fleet }

    /// The first eight hex digits of the fleet's UUID, for names that a person reads.
    public var fleet8: String { Self.first8(fleet) }

    /// The UUID of a resource: version 5 (RFC 4122, SHA-1) of the fleet and `Kind/id`.
    public func uuid(_ resource: ResourceID) -> UUID { Self.uuid5(fleet, resource.description) }

    /// The UUID of a machine or a pool: libvirt's own of one that is adopted.
    public func uuid(_ kind: ResourceKind, _ metadata: Metadata) -> UUID {
        metadata.uuid ?? uuid(ResourceID(kind, metadata.identity))
    }

    /// The name of a pool in libvirt.
    public func poolName(_ id: String) -> String { "infra-\(fleet8)-\(id)" }

    /// The file name of a volume. It has a second one, for what is made to take the place of its file in the same pool.
    public func volumeFileName(_ id: String, _ format: Volume.Format, isSecond: Bool = false) -> String {
        let suffix = isSecond ? Volume.Status.secondSuffix : ""
        return "\(id).\(Self.first8(uuid(ResourceID(.volume, id))))\(suffix).\(format.rawValue)"
    }

    /// The file name of a declared volume: its own of one that is adopted.
    public func fileName(_ id: String, _ spec: Volume.Spec) -> String {
        spec.file ?? volumeFileName(id, spec.format)
    }

    /// The identity and format in a volume's file name; nil when the name is not one that this fleet makes.
    public func volume(inFileName name: String) -> (id: String, format: Volume.Format)? {
        guard let (stem, suffix) = Self.splitLast(name), let format = Volume.Format(rawValue: suffix),
            let (id, digits) = Self.splitLast(stem),
            volumeFileName(id, format, isSecond: digits.hasSuffix(Volume.Status.secondSuffix)) == name
        else { return nil }
        return (id, format)
    }

    /// Where a volume's file may be copied to in its own pool: the path with the other of its two names; nil of what has no
    /// such name, as a logical volume or an adopted file.
    public func otherPath(of path: String) -> String? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard let name = parts.last.map(String.init), let (id, format) = volume(inFileName: name) else { return nil }
        let isSecond = name == volumeFileName(id, format, isSecond: true)
        return (parts.dropLast() + [volumeFileName(id, format, isSecond: !isSecond)[...]]).joined(separator: "/")
    }

    /// The name of a volume's logical volume. Device mapper has 127 bytes for the names of group and volume and doubles
    /// each hyphen, so a long identity is cut; the tags hold all of it.
    public func logicalVolumeName(_ id: String) -> String {
        var name = "i-\(Self.first8(uuid(ResourceID(.volume, id))))-"
        var room = 62
        for character in id {
            room -= character == "-" ? 2 : 1
            if room < 0 { break }
            name.append(character)
        }
        return name
    }

    /// Where a declared volume lies in its pool.
    public func path(of id: String, _ spec: Volume.Spec, in pool: StoragePool.Spec) -> String {
        switch pool.backend {
        case .directory, .nfs: pool.folder + "/" + fileName(id, spec)
        case .iscsi(let iscsi): StoragePool.LogicalUnit(target: iscsi, number: spec.lun ?? 0).path
        case .rbd(let rbd): StoragePool.RBDImage(place: rbd, name: spec.rbdImage ?? "").path
        case .lvm(let lvm): StoragePool.LVM.folder(of: lvm.volumeGroup) + "/" + (spec.file ?? logicalVolumeName(id))
        }
    }

    /// The file name of an image.
    public func imageFileName(sha256: String, _ format: Image.Format) -> String {
        "img-\(sha256).\(fleet8).\(format.rawValue)"
    }

    /// The digest and format in an image's file name; nil when the name is not one that this fleet makes.
    public func image(inFileName name: String) -> (sha256: String, format: Image.Format)? {
        guard name.hasPrefix("img-"), let (stem, suffix) = Self.splitLast(name),
            let format = Image.Format(rawValue: suffix), let (prefix, fleet) = Self.splitLast(stem), fleet == fleet8
        else { return nil }
        let sha256 = String(prefix.dropFirst(4))
        guard sha256.utf8.count == 64, imageFileName(sha256: sha256, format) == name else { return nil }
        return (sha256, format)
    }

    /// The file name of a machine's seed.
    public func seedFileName(machine id: String) -> String {
        "\(id).seed.\(Self.first8(uuid(ResourceID(.virtualMachine, id)))).iso"
    }

    /// Where the host keeps what a machine's serial console prints.
    public func consoleLogPath(machine id: String) -> String {
        "/var/log/libvirt/qemu/infra-\(fleet8)-\(id).console.log"
    }

    /// The machine in a seed's file name; nil when the name is not one that this fleet makes.
    public func machine(inSeedFileName name: String) -> String? {
        guard let dot = name.firstIndex(of: ".") else { return nil }
        let id = String(name[..<dot])
        return seedFileName(machine: id) == name ? id : nil
    }

    /// What the name of an unfinished file ends in.
    public static let stagedSuffix = ".staged"

    /// What stands before that in the name of an image of which a part was fetched. Unlike other unfinished files it is
    /// gone on with: its name says by the digest what it is a part of.
    public static let partSuffix = ".part"

    /// Where the part of an image lies that was fetched until now.
    public static func part(of image: String) -> String { image + partSuffix + stagedSuffix }

    /// Where the image lies once it is whole; nil for the path of anything else than a part.
    public static func whole(ofPart path: String) -> String? {
        let suffix = partSuffix + stagedSuffix
        return path.hasSuffix(suffix) ? String(path.dropLast(suffix.count)) : nil
    }

    /// The name of a network's bridge: 13 of the 15 bytes the kernel allows.
    public func bridgeName(_ network: String) -> String { "ib" + linkDigits(network) }

    /// The name of a network's VXLAN link.
    public func tunnelName(_ network: String) -> String { "iv" + linkDigits(network) }

    /// The name of the link of a network's VLAN.
    public func vlanName(_ network: String) -> String { "iq" + linkDigits(network) }

    /// The name of the namespace in which a network's DHCP and DNS are answered.
    public func serviceName(_ network: String) -> String { "in" + linkDigits(network) }

    /// The name of the host's end of the pair that joins it to the bridge.
    public func serviceLinkName(_ network: String) -> String { "is" + linkDigits(network) }

    /// The Ethernet address of the end in the namespace, the same on every host: a guest that moved finds it at once.
    public func serviceAddress(_ network: String) -> MACAddress {
        linkAddress(host: "", link: serviceName(network))
    }

    /// The name of a machine's link on its host.
    public func deviceName(machine: String, interface: String) -> String {
        "it" + digits(of: "\(uuid(ResourceID(.virtualMachine, machine)).lowercased)/\(interface)")
    }

    /// The name of the fleet's nftables table on each host.
    public var firewallName: String { "infra_\(fleet8)" }

    /// What the names of its files for systemd-networkd begin with.
    public var bootFilePrefix: String { "50-infra-\(fleet8)-" }

    /// The first line of such a file, which is its mark.
    public func fileMark(_ resource: ResourceID) -> String { "# \(linkAlias(resource))" }

    /// The name of the fleet's peer group in FRR.
    public var peerGroup: String { "infra-\(fleet8)" }

    /// What the comment of that table says, which is its mark.
    public var firewallMark: String { "infra:\(fleet.lowercased)" }

    /// The name of a declared network's bridge: its own of one that is adopted.
    public func bridgeName(of network: Network) -> String {
        network.spec.bridgeName ?? bridgeName(network.metadata.identity)
    }

    /// The name of a declared network's VXLAN link: its own of one that is adopted.
    public func tunnelName(of network: Network) -> String {
        network.spec.vxlan?.name ?? tunnelName(network.metadata.identity)
    }

    /// The alias of a link, which is its mark.
    public func linkAlias(_ resource: ResourceID) -> String { "infra:\(fleet.lowercased):\(resource)" }

    /// The resource in a link's alias; nil when the alias is not one of this fleet.
    public func resource(inLinkAlias alias: String) -> ResourceID? {
        let prefix = "infra:\(fleet.lowercased):"
        guard alias.hasPrefix(prefix) else { return nil }
        return ResourceID(alias.dropFirst(prefix.count))
    }

    /// The Ethernet address of an interface that states none: first octet 52, then 40 bits of a hash.
    public func macAddress(machine: UUID, interface: String) -> MACAddress {
        let digest = SHA256.hash(data: Data((machine.lowercased + "/" + interface).utf8)).prefix(5)
        return MACAddress(value: digest.reduce(0x52) { $0 << 8 | UInt64($1) })
    }

    /// The Ethernet address of a link of ours on a host: first octet 5a, then 40 bits of a hash. It differs from host to
    /// host, since bridges of one network hear each other, and tells a link that we did not finish from a foreign one.
    public func linkAddress(host: String, link: String) -> MACAddress {
        let digest = SHA256.hash(data: Data("\(fleet.lowercased)/\(host)/\(link)".utf8)).prefix(5)
        return MACAddress(value: digest.reduce(0x5a) { $0 << 8 | UInt64($1) })
    }

    /// The UUID of a host, derived from `/etc/machine-id`, since libvirt invents one per start without SMBIOS.
    public static func hostUUID(machineID: String) -> UUID {
        uuid5(hostNamespace, machineID.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// UUID version 5 (RFC 4122 section 4.3): SHA-1 of the namespace's 16 bytes and the name.
    public static func uuid5(_ namespace: UUID, _ name: String) -> UUID {
        var hash = Insecure.SHA1()
        withUnsafeBytes(of: namespace.uuid) { hash.update(bufferPointer: $0) }
        var name = name
        name.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        var uuid = hash.finalize().withUnsafeBytes { $0.loadUnaligned(as: uuid_t.self) }
        uuid.6 = uuid.6 & 0x0f | 0x50
        uuid.8 = uuid.8 & 0x3f | 0x80
        return UUID(uuid: uuid)
    }

    private static let hostNamespace = UUID(
        uuid: (0x1d, 0x8f, 0x2a, 0x4c, 0x77, 0x0b, 0x4e, 0x1e, 0x9b, 0x60, 0x3a, 0x55, 0xc2, 0x10, 0x9e, 0x41))

    private static func first8(_ uuid: UUID) -> String { String(uuid.lowercased.prefix(8)) }

    private func linkDigits(_ network: String) -> String {
        digits(of: uuid(ResourceID(.network, network)).lowercased)
    }

    private func digits(of text: String) -> String {
        String(SHA256.hash(data: Data(text.utf8)).prefix(6).hexDigits.prefix(11))
    }

    private static func splitLast(_ text: String) -> (head: String, tail: String)? {
        guard let dot = text.lastIndex(of: ".") else { return nil }
        return (String(text[..<dot]), String(text[text.index(after: dot)...]))
    }
}

extension UUID {
    /// The text in lower case, as libvirt and RFC 4122 write it.
    public var lowercased: String {
        withUnsafeBytes(of: uuid) { bytes in
            String(unsafeUninitializedCapacity: 36) { text in
                var place = 0
                func append(_ character: UInt8) {
                    text[place] = character
                    place += 1
                }
                for (index, byte) in bytes.enumerated() {
                    if index == 4 || index == 6 || index == 8 || index == 10 { append(UInt8(ascii: "-")) }
                    append(Self.hexDigit(byte >> 4))
                    append(Self.hexDigit(byte & 15))
                }
                return place
            }
        }
    }

    fileprivate static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}

extension Sequence<UInt8> {
    /// Two lower-case hex digits a byte.
    public var hexDigits: String {
        var digits: [UInt8] = []
        digits.reserveCapacity(64)
        for byte in self {
            digits.append(UUID.hexDigit(byte >> 4))
            digits.append(UUID.hexDigit(byte & 15))
        }
        return String(decoding: digits, as: UTF8.self)
    }
}
