import Hosts
import Model

/// The files that dnsmasq(8) reads for one network: its configuration, the leases, the names.
struct ServiceFiles: Hashable, Sendable {
    let configuration: String
    let leases: String
    let names: String

    /// Sixteen hex digits over all three.
    var digest: String { Firewall.digest([configuration, leases, names].joined(separator: "\0")) }

    /// What plans may say; everything else in the configuration is ours and always the same.
    private static let keys = ["dhcp-range=", "dhcp-option="]

    /// The files of a service.
    ///
    /// - Throws: `.surprise` for anything that dnsmasq could read as something else than one line, one name.
    init(_ service: Network.Service, name: String, mark: String) throws(HostError) {
        for option in service.options where !Self.isOption(option) {
            throw .surprise("not an option of dnsmasq: \(CommandText.printable(option))")
        }
        for lease in service.leases where !Self.isHostname(lease.name) {
            throw .surprise("not a host's name: \(CommandText.printable(lease.name))")
        }
        self.init(
            configuration: (Self.fixed(name: name, mark: mark) + service.options).joined(separator: "\n"),
            leases: service.leases)
    }

    private init(configuration: String, leases: [Network.Service.Lease]) {
        self.configuration = configuration
        self.leases = leases.map { "\($0.mac),\($0.address)" }.joined(separator: "\n")
        names = leases.map { "\($0.address) \($0.name)" }.joined(separator: "\n")
    }

    /// The files as they were found.
    init(found: ServiceNamespace) {
        configuration = found.configuration
        leases = found.leases
        names = found.names
    }

    /// The lines that every configuration begins with. dnsmasq answers at its own end of the pair only, knows guests by
    /// their Ethernet addresses and nobody else, believes no name that a guest gives itself, and keeps nothing on disk: a
    /// lease is where it stands in the file of leases.
    private static func fixed(name: String, mark: String) -> [String] {
        let folder = "\(Network.Service.folder)/\(name)"
        return [
            "# \(mark)", "interface=\(ServiceNamespace.portName)", "except-interface=lo", "bind-interfaces",
            "no-resolv", "no-hosts", "domain-needed", "addn-hosts=\(folder)/names", "dhcp-hostsfile=\(folder)/leases",
            "dhcp-authoritative", "dhcp-ignore=tag:!known", "dhcp-ignore-names", "leasefile-ro", "no-ping",
            "pid-file=\(folder)/pid",
        ]
    }

    /// What files as they were found say: options and leases, and whether they are as they would be written.
    static func read(
        _ found: ServiceNamespace, mark: String
    ) -> (options: [String], leases: [Network.Service.Lease], isWhole: Bool) {
        let lines = found.configuration.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let fixed = fixed(name: found.name, mark: mark)
        let options = lines.starts(with: fixed) ? Array(lines.dropFirst(fixed.count)) : lines
        let words = found.names.split(separator: "\n").map { $0.split(separator: " ") }
        let names: [Substring: String] = words.reduce(into: [:]) { if $1.count == 2 { $0[$1[0]] = String($1[1]) } }
        let leases = found.leases.split(separator: "\n").compactMap { line -> Network.Service.Lease? in
            let parts = line.split(separator: ",", omittingEmptySubsequences: false)
            guard parts.count == 2, let mac = MACAddress(String(parts[0])), let address = IPAddress(String(parts[1])),
                let name = names[parts[1]]
            else { return nil }
            return Network.Service.Lease(name: name, mac: mac, address: address)
        }
        let files = ServiceFiles(configuration: found.configuration, leases: leases)
        return (options, leases, files.leases == found.leases && files.names == found.names)
    }

    private static func isOption(_ line: String) -> Bool {
        keys.contains { line.hasPrefix($0) }
            && line.utf8.allSatisfy { isWord($0) || ",:.=-".utf8.contains($0) }
    }

    private static func isHostname(_ name: String) -> Bool {
        (1...253).contains(name.utf8.count) && !name.hasPrefix("-")
            && name.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (byte >= 0x30 && byte <= 0x39) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7a)
    }
}
