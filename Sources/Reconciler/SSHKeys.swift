import Foundation
import Glibc
import Hosts
import Model

/// The controller's folder of ssh keys and `known_hosts` (`--ssh-keys`). Manifests name files in it, and no others.
public struct SSHKeys: Sendable {
    /// The names that are tried when a manifest names no key.
    private static let usual = ["id_ed25519", "id_ecdsa", "id_rsa"]

    private let folder: ClosedFolder

    /// The folder at a path, relative to the current one; `.ssh` of this user's home when nil.
    public init(_ path: String? = nil) {
        folder = ClosedFolder(path ?? FileManager.default.homeDirectoryForCurrentUser.appending(path: ".ssh").path)
    }

    /// How a host is reached with these keys.
    /// - Throws: `.unreachable` when the key's file cannot be used, or nothing says which key the host has.
    func access(_ ssh: KVMHost.SSH) throws(HostError) -> SSHAccess {
        var identities: [String] = []
        if let identity = ssh.identity {
            do throws(ClosedFolder.Unusable) {
                identities.append(try key(identity))
            } catch {
                throw .unreachable("\(ssh): the key \(identity) \(error.why)")
            }
        } else {
            identities = Self.usual.compactMap { try? key($0) }
            guard !identities.isEmpty else {
                throw .unreachable(
                    "\(ssh): \(folder.shown) has no key: none of \(Self.usual.joined(separator: ", ")) can be used")
            }
        }
        let trust: SSHAccess.Trust
        if let key = ssh.hostKey {
            trust = .key(key)
        } else {
            do throws(ClosedFolder.Unusable) {
                trust = .file(try path("known_hosts"))
            } catch {
                throw .unreachable(
                    "\(ssh): its manifest pins no hostKey, and known_hosts of \(folder.shown) \(error.why)")
            }
        }
        return SSHAccess(
            address: ssh.address, port: ssh.port, user: ssh.user, identities: identities, trust: trust)
    }

    private func key(_ name: String) throws(ClosedFolder.Unusable) -> String {
        let file = try folder.open(name)
        close(file.descriptor)
        // ssh refuses such a key as well, but then goes on without one.
        guard file.status.st_mode & 0o077 == 0 else {
            throw ClosedFolder.Unusable(why: "can be read by others; give the file mode 0600")
        }
        return folder.path(of: name)
    }

    private func path(_ name: String) throws(ClosedFolder.Unusable) -> String {
        close(try folder.open(name).descriptor)
        return folder.path(of: name)
    }
}
