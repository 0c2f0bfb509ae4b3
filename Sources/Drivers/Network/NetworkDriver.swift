public import Hosts
public import Model

/// Bridges, VXLAN links and VLANs of one fleet on one host.
///
/// What is ours is told by a link's alias, which is also set in the moment in which a link gets its name: a link is
/// made under a name of its own (`ib… -s`) with an address that only we derive, and gets alias and final name in one
/// request. So a link with a final name and no alias is never ours, and an unfinished one is known by its address.
public struct NetworkDriver: Sendable {
    let commands: CommandRunner
    let host: String
    let identity: Identity

    /// A driver.
    ///
    /// - Parameter host: the host's identity in the fleet.
    public init(commands: CommandRunner, host: String, identity: Identity) {
        self.commands = commands
        self.host = host
        self.identity = identity
    }

    /// What the end of an unfinished link's name is. With it the name has the 15 bytes that the kernel allows.
    static let stagedSuffix = "-s"

    /// Whether it is a link of ours that lacks its alias and its name.
    func isStaged(_ link: LinkRecord) -> Bool {
        link.name.hasSuffix(Self.stagedSuffix) && link.alias == nil && link.master == nil
            && ["bridge", "vxlan", "vlan", "veth"].contains(link.kind)
            && link.address == identity.linkAddress(host: host, link: String(link.name.dropLast(2)))
    }

    /// The link of that name; nil when there is none. One `ip` process.
    func link(named name: String) async throws(HostError) -> LinkRecord? {
        let output: CommandOutput
        do throws(HostError) {
            output = try await commands.run(
                "ip", ["-details", "-json", "link", "show", "dev", name], deadline: .seconds(15))
        } catch .command(_, 1, let message) where message.contains("does not exist") {
            return nil
        }
        let links = try LinkRecord.parse(output.text)
        guard links.count == 1, let link = links.first, link.name == name else {
            throw .unreadable("ip told of \(links.count) links when asked for \(name)")
        }
        return link
    }

    /// Runs lines of `ip -batch` or `bridge -batch`, which stop at the first that fails.
    func batch(_ program: String, _ lines: [String]) async throws(HostError) {
        guard !lines.isEmpty else { return }
        try await commands.run(
            program, ["-batch", "-"], input: .bytes(Array((lines.joined(separator: "\n") + "\n").utf8)),
            deadline: .seconds(30), underLock: true)
    }
}
