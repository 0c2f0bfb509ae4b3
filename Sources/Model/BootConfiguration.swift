/// A file of ours that makes a network's links when its host starts, as systemd.network(5), systemd.link(5) or
/// systemd.service(5) has it.
public struct BootFile: Hashable, Sendable, Codable {
    /// The network, by identity.
    public var network: String
    /// The file's name. A service lies in `/etc/systemd/system`, all others in `/etc/systemd/network`.
    public var name: String
    /// What it says. Its first line is our mark.
    public var text: String

    /// A file.
    public init(network: String, name: String, text: String) {
        self.network = network
        self.name = name
        self.text = text
    }

    /// Where it lies, absolute.
    public var path: String { "/etc/systemd/\(name.hasSuffix(".service") ? "system" : "network")/\(name)" }
}

/// What a host does by itself when it starts, as far as a fleet's links and firewall are concerned.
public struct BootConfiguration: Hashable, Sendable, Codable {
    /// Whether systemd-networkd runs, which makes links.
    public var makesLinks: Bool
    /// Whether systemd runs, which loads the firewall.
    public var loadsFirewall: Bool
    /// The fleet's files for links, sorted by name.
    public var files: [BootFile]

    /// What a host does.
    public init(makesLinks: Bool, loadsFirewall: Bool, files: [BootFile] = []) {
        self.makesLinks = makesLinks
        self.loadsFirewall = loadsFirewall
        self.files = files
    }
}
