public import Foundation

/// What the machine that runs the tests has.
public enum Lab {
    /// Whether the tests run inside a lab host, where libvirt, links and files may be changed.
    /// `Tests/Lab/lab exec` sets the variable.
    public static var isHere: Bool { ProcessInfo.processInfo.environment["INFRA_LAB_HOST"] != nil }

    /// The operator's ssh keys, where the tests run in the lab's underlay, from where every host is reached.
    /// `Tests/Lab/lab exec underlay` sets the variable.
    public static var keys: String? { ProcessInfo.processInfo.environment["INFRA_LAB_KEYS"] }

    /// The repository's top folder.
    public static let repository = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
}
