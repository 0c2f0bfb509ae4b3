import Hosts

/// The user aliases by which our devices are told from others, and from each other.
enum DeviceAlias {
    static let diskPrefix = "ua-disk-"
    static let interfacePrefix = "ua-nic-"
    static let seed = "ua-cdrom-seed"
    static let serial = "ua-serial-console"
    static let agent = "ua-channel-agent"

    static func disk(_ name: String) -> String { diskPrefix + name }
    static func interface(_ name: String) -> String { interfacePrefix + name }
}

extension XMLElement {
    /// A device's alias; nil when it has none.
    var alias: String? { first("alias")?["name"] }

    /// The name in a device's alias behind that prefix; nil when the alias is another.
    func aliasName(_ prefix: String) -> String? {
        guard let alias, alias.hasPrefix(prefix), alias.utf8.count > prefix.utf8.count else { return nil }
        return String(alias.dropFirst(prefix.count))
    }
}
