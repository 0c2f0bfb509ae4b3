import CLibvirt
import Foundation

/// What libvirt says about the machine it runs on.
public struct NodeRecord: Hashable, Sendable {
    /// Its host name.
    public var hostname: String
    /// Processors (threads) that are online.
    public var cpu: Int
    /// Memory, in bytes.
    public var memory: UInt64
    /// libvirtd's version, `9.0.0`.
    public var libvirtVersion: String
}

extension LibvirtConnection {
    /// What there is on the host. Maps to `virNodeGetInfo`, `virConnectGetLibVersion`, `virConnectGetHostname`.
    public func node(deadline: Duration) async throws(HostError) -> NodeRecord {
        try await call("virNodeGetInfo", deadline: deadline) { (connection) throws(HostError) in
            var info = virNodeInfo()
            try LibvirtLibrary.check("virNodeGetInfo", virNodeGetInfo(connection, &info))
            var version: UInt = 0
            try LibvirtLibrary.check("virConnectGetLibVersion", virConnectGetLibVersion(connection, &version))
            return NodeRecord(
                hostname: try LibvirtLibrary.take("virConnectGetHostname", virConnectGetHostname(connection)),
                cpu: Int(info.cpus), memory: UInt64(info.memory) << 10,
                libvirtVersion: "\(version / 1_000_000).\(version / 1000 % 1000).\(version % 1000)")
        }
    }
}
