import Foundation
import Hosts
import Model

/// What was found of one network's DHCP and DNS: its namespace and its files.
struct ServiceNamespace: Hashable, Sendable {
    /// The namespace's name, which is the folder's as well.
    var name: String
    /// Its links; nil when the namespace is not there.
    var links: [ServiceLink]?
    /// Whether the namespace is there and cannot be read.
    var isUnreadable = false
    /// dnsmasq's configuration, without the last line's end.
    var configuration: String
    /// The leases as DHCP reads them.
    var leases: String
    /// The names as DNS reads them.
    var names: String
    /// The digest of what the running dnsmasq has read; empty when none runs.
    var loaded: String

    /// The mark on its loopback link.
    var mark: String? { links?.first { $0.name == "lo" }?.alias }
    /// The end of the pair that joins it to the bridge.
    var port: ServiceLink? { links?.first { $0.name == Self.portName } }
    /// Whether nobody has put anything into it yet.
    var isEmpty: Bool { links.map { $0.count == 1 && $0[0].name == "lo" && !$0[0].isUp } ?? false }

    /// What the end of the pair is called in the namespace.
    static let portName = "eth0"

    /// Reads what `ServiceScripts.list` writes.
    ///
    /// - Throws: `.unreadable` for half a list.
    static func parse(_ text: String) throws(HostError) -> [ServiceNamespace] {
        var fields = text.split(separator: "\0", omittingEmptySubsequences: false).map(String.init)
        guard fields.popLast() == "", fields.count % 6 == 0 else {
            throw .unreadable("the host wrote namespaces that cannot be read")
        }
        return stride(from: 0, to: fields.count, by: 6).map { index in
            let links = fields[index + 1]
            let read = links.isEmpty ? nil : try? JSONDecoder().decode([ServiceLink].self, from: Data(links.utf8))
            return ServiceNamespace(
                name: fields[index], links: read, isUnreadable: !links.isEmpty && read == nil,
                configuration: fields[index + 2], leases: fields[index + 3], names: fields[index + 4],
                loaded: fields[index + 5])
        }
    }
}

/// A link in such a namespace, as `ip -json address show` tells it.
struct ServiceLink: Hashable, Sendable, Decodable {
    var name: String
    var alias: String?
    var mac: MACAddress?
    var mtu: Int
    var isUp: Bool
    /// With their prefixes, sorted.
    var addresses: [String]

    private enum Keys: String, CodingKey {
        case ifname, ifalias, address, mtu, flags
        case addresses = "addr_info"
    }

    private struct Address: Decodable {
        let local: String
        let prefixlen: Int
    }

    init(from decoder: any Decoder) throws {
        let link = try decoder.container(keyedBy: Keys.self)
        name = try link.decode(String.self, forKey: .ifname)
        alias = try link.decodeIfPresent(String.self, forKey: .ifalias)
        mac = try link.decodeIfPresent(String.self, forKey: .address).flatMap { MACAddress($0) }
        mtu = try link.decode(Int.self, forKey: .mtu)
        isUp = try link.decode([String].self, forKey: .flags).contains("UP")
        let all = try link.decodeIfPresent([Address].self, forKey: .addresses) ?? []
        addresses = all.map { "\($0.local)/\($0.prefixlen)" }.sorted()
    }
}
