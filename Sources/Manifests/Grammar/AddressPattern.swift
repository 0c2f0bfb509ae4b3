/// Regular expressions (ECMA-262, as in JSON Schema) of what `IPAddress` and `CIDR` read. Editors show them to people, so
/// they are short: IPv4 is exact, of IPv6 only the characters are.
enum AddressPattern {
    /// The address of one machine: no group of receivers.
    static let oneMachine = "^((?!22[4-9]|23[0-9])\(ipv4)|\(ipv6))$"
    /// A block of addresses. Whether bits below the prefix are set, it cannot say.
    static let block = "^(\(ipv4)/(3[0-2]|[12]?[0-9])|\(ipv6)/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))$"

    private static let byte = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    static let ipv4 = "(\(byte)\\.){3}\(byte)"
    static let ipv6 = "[0-9A-Fa-f]*:[0-9A-Fa-f:.]+"
}
