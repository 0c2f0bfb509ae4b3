import Model

extension Form where Value == String {
    /// Where an image is fetched from.
    static let imageURL = string(
        "the address of an image",
        accepted: "write https:// or http://, a host and a path, without user, password or fragment, such as "
            + "https://images.example/debian-12.qcow2",
        pattern: URLPattern.image, limit: ImageURL.limit,
        samples: ["https://images.example/other.qcow2", "https://images.example/another.qcow2"]
    ) { ImageURL($0) != nil }
}

/// A regular expression (ECMA-262, as in JSON Schema) of what `ImageURL` reads. Of an IPv6 address only the characters are
/// told.
private enum URLPattern {
    static let image =
        "^https?://(\(name)|\(AddressPattern.ipv4)|\\[\(AddressPattern.ipv6)\\])(:\(port))?"
        + "(/(\(plain)|[/])*)?(\\?(\(plain)|[/?])*)?$"

    private static let rest = "([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    /// The last label begins with a letter.
    private static let name = "([A-Za-z0-9]\(rest)\\.)*[A-Za-z]\(rest)"
    private static let port =
        "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
    private static let plain = "[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2}"
}
