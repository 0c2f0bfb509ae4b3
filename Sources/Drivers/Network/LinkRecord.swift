import Foundation
import Hosts
import Model

/// A link as `ip -details -json link show` tells it. Of other kinds than bridges, VXLAN and VLAN only the common part is read.
struct LinkRecord: Hashable, Sendable {
    /// What a VXLAN link is made of.
    struct Tunnel: Hashable, Sendable {
        var vni: Int
        var port: Int
        var local: IPAddress?
        var interface: String?
        /// Whether it learns addresses from what arrives.
        var learns = true
    }

    /// What a VLAN's link is made of.
    struct VLAN: Hashable, Sendable {
        /// 0 where frames are tagged by another protocol than 802.1Q.
        var id: Int
        /// Nil where it is in another network namespace.
        var interface: String?
    }

    /// What a port of a bridge does.
    struct Port: Hashable, Sendable {
        var learns: Bool
        var suppressesNeighbors: Bool
    }

    var name: String
    var alias: String?
    var address: MACAddress?
    var mtu: Int
    var isUp: Bool
    /// The bridge, bond or other link it is a part of.
    var master: String?
    /// `bridge`, `vxlan`, `veth` …; nil for hardware.
    var kind: String?
    var tunnel: Tunnel?
    var vlan: VLAN?
    /// Of a bridge's port.
    var port: Port?
    /// Whether, as a bridge's port, it exchanges no frames with other isolated ports.
    var isIsolated = false
    /// The addresses on it.
    var addresses: [IPAddress] = []

    /// Reads the output, which is one JSON array.
    ///
    /// - Throws: `.unreadable` for half a document or a link without its necessary fields.
    static func parse(_ text: String) throws(HostError) -> [LinkRecord] {
        do {
            return try JSONDecoder().decode([LinkRecord].self, from: Data(text.utf8))
        } catch {
            throw .unreadable("ip wrote links that cannot be read: \(CommandText.printable(reason(error)))")
        }
    }
}

/// A decoding error in one clause.
func reason(_ error: any Error) -> String {
    switch error as? DecodingError {
    case .dataCorrupted(let context), .keyNotFound(_, let context), .typeMismatch(_, let context),
        .valueNotFound(_, let context):
        context.debugDescription + context.codingPath.map { " in " + $0.stringValue }.joined()
    default: "\(error)"
    }
}

extension LinkRecord: Decodable {
    private enum Keys: String, CodingKey {
        case ifname, ifalias, address, mtu, flags, master, link, linkinfo
        case addresses = "addr_info"
    }

    private enum AddressKeys: String, CodingKey {
        case local
    }

    private enum InfoKeys: String, CodingKey {
        case kind = "info_kind"
        case data = "info_data"
        case part = "info_slave_kind"
        case port = "info_slave_data"
    }

    private enum PortKeys: String, CodingKey {
        case learning
        case suppresses = "neigh_suppress"
        case isolated
    }

    private enum VLANKeys: String, CodingKey {
        case id
        case tagging = "protocol"
    }

    private enum TunnelKeys: String, CodingKey {
        case id, port, local, local6, link, learning
    }

    init(from decoder: any Decoder) throws {
        let link = try decoder.container(keyedBy: Keys.self)
        name = try link.decode(String.self, forKey: .ifname)
        alias = try link.decodeIfPresent(String.self, forKey: .ifalias)
        address = try link.decodeIfPresent(String.self, forKey: .address).flatMap { MACAddress($0) }
        mtu = try link.decode(Int.self, forKey: .mtu)
        isUp = try link.decode([String].self, forKey: .flags).contains("UP")
        master = try link.decodeIfPresent(String.self, forKey: .master)
        addresses = try Self.addresses(link)
        guard link.contains(.linkinfo) else { return }
        let info = try link.nestedContainer(keyedBy: InfoKeys.self, forKey: .linkinfo)
        kind = try info.decodeIfPresent(String.self, forKey: .kind)
        if try info.decodeIfPresent(String.self, forKey: .part) == "bridge", info.contains(.port) {
            let data = try info.nestedContainer(keyedBy: PortKeys.self, forKey: .port)
            port = Port(
                learns: try data.decodeIfPresent(Bool.self, forKey: .learning) ?? true,
                suppressesNeighbors: try data.decodeIfPresent(Bool.self, forKey: .suppresses) ?? false)
            isIsolated = try data.decodeIfPresent(Bool.self, forKey: .isolated) ?? false
        }
        if kind == "vlan" {
            let data = try info.nestedContainer(keyedBy: VLANKeys.self, forKey: .data)
            let isUsual = try data.decodeIfPresent(String.self, forKey: .tagging) ?? "802.1Q" == "802.1Q"
            vlan = VLAN(
                id: isUsual ? try data.decode(Int.self, forKey: .id) : 0,
                interface: try link.decodeIfPresent(String.self, forKey: .link))
        }
        guard kind == "vxlan" else { return }
        let data = try info.nestedContainer(keyedBy: TunnelKeys.self, forKey: .data)
        let local =
            try data.decodeIfPresent(String.self, forKey: .local)
            ?? data.decodeIfPresent(String.self, forKey: .local6)
        tunnel = Tunnel(
            // A link that takes its identifiers from elsewhere (`external`) has none.
            vni: try data.decodeIfPresent(Int.self, forKey: .id) ?? 0,
            port: try data.decode(Int.self, forKey: .port), local: local.flatMap { IPAddress($0) },
            interface: try data.decodeIfPresent(String.self, forKey: .link),
            learns: try data.decodeIfPresent(Bool.self, forKey: .learning) ?? true)
    }

    private static func addresses(_ link: KeyedDecodingContainer<Keys>) throws -> [IPAddress] {
        guard link.contains(.addresses) else { return [] }
        var list = try link.nestedUnkeyedContainer(forKey: .addresses)
        var addresses: [IPAddress] = []
        while !list.isAtEnd {
            let item = try list.nestedContainer(keyedBy: AddressKeys.self)
            if let address = try item.decodeIfPresent(String.self, forKey: .local).flatMap({ IPAddress($0) }) {
                addresses.append(address)
            }
        }
        return addresses
    }
}

/// An entry of a VXLAN link's forwarding table that floods: the all-zero address, as `bridge -json fdb show` tells it.
struct FloodRecord: Hashable, Sendable {
    var link: String
    var destination: IPAddress
    /// What the entry says beside its destination, as `bridge` takes it; we never write any of it.
    var extras: [String]

    /// Reads the output, which is one JSON array, and keeps the flooding entries.
    ///
    /// - Parameter link: the link that was asked for, which `bridge` then does not name in each entry.
    /// - Throws: `.unreadable` for half a document.
    static func parse(_ text: String, link: String? = nil) throws(HostError) -> [FloodRecord] {
        do {
            return try JSONDecoder().decode([Entry].self, from: Data(text.utf8)).compactMap { entry in
                guard entry.mac == "00:00:00:00:00:00", let link = entry.ifname ?? link,
                    let destination = entry.dst.flatMap({ IPAddress($0) })
                else { return nil }
                let extras = [
                    ("port", entry.port.map(String.init)), ("vni", entry.vni.map(String.init)), ("via", entry.viaIf),
                ]
                return FloodRecord(
                    link: link, destination: destination,
                    extras: extras.flatMap { key, value in value.map { [key, $0] } ?? [] })
            }
        } catch {
            throw .unreadable("bridge wrote a table that cannot be read: \(CommandText.printable(reason(error)))")
        }
    }

    private struct Entry: Decodable {
        var mac: String
        var ifname: String?
        var dst: String?
        var port: Int?
        var vni: Int?
        var viaIf: String?
    }
}
