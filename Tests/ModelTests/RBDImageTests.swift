import Foundation
import Model
import Testing

/// The paths of RBD images.
@Suite struct RBDImageTests {
    @Test(arguments: [["mon-1.example"], ["192.0.2.7", "2001:db8::7"], []], [true, false])
    func aPathReadsAsItWasWritten(monitors: [String], hasUser: Bool) {
        let secret = UUID()
        let auth = hasUser ? StoragePool.RBD.Auth(user: "infra", secret: secret) : nil
        let port = monitors.isEmpty ? StoragePool.RBD.defaultPort : 3300
        let image = StoragePool.RBDImage(
            place: .init(monitors: monitors, port: port, pool: "disks", auth: auth), name: "web.data-1")
        #expect(StoragePool.RBDImage(path: image.path) == image, "\(image.path)")
        #expect(StoragePool.isRemote(image.path) && !StoragePool.LogicalUnit.isPath(image.path))
    }

    @Test(arguments: [
        "/var/lib/infra/disks/x.raw", "rbd://", "rbd://a:1/b", "rbd://a:1/b/c/d", "rbd://a/b/c", "rbd://a:01/b/c",
        "rbd://u@a:1/b/c", "rbd://u:v@a:1/b/c", "rbd://a:1,b:2/b/c", "RBD://a:1/b/c",
    ]) func otherTextIsNone(text: String) { #expect(StoragePool.RBDImage(path: text) == nil) }
}
