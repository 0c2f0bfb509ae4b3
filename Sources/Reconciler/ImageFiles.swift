import Crypto
import Drivers
import Glibc
public import Model

/// The controller's folder of image files (`--files`). Nothing outside it is read, and no link is followed.
public struct ImageFiles: Sendable {
    private let folder: ClosedFolder

    /// The folder at a path, relative to the current one.
    public init(_ path: String) { folder = ClosedFolder(path) }

    /// Where an image's file is.
    public func path(of image: Image) -> String {
        folder.path(of: image.spec.file)
    }

    /// Fills in the digest and the virtual size of every image. Problems are told about the image, which then stays
    /// without a digest, so what needs it is blocked.
    /// - Parameter folder: The folder; with nil only digests that the manifests state are known.
    public static func fill(_ manifest: FleetManifest, from folder: ImageFiles?) -> (FleetManifest, [Diagnostic]) {
        var manifest = manifest
        var diagnostics: [Diagnostic] = []
        for index in manifest.images.indices {
            guard let folder else { continue }
            let image = manifest.images[index]
            do throws(Unusable) {
                let facts = try folder.read(image)
                if let stated = image.spec.sha256, stated != facts.sha256 {
                    throw Unusable(
                        why: "has the digest \(facts.sha256), the manifest says \(stated)", field: "spec.sha256")
                }
                manifest.images[index].spec.sha256 = facts.sha256
                manifest.images[index].spec.virtualSize = facts.virtualSize
            } catch {
                manifest.images[index].spec.sha256 = nil
                diagnostics.append(
                    Diagnostic(
                        code: "image-file", "\(image.spec.file) \(error.why)",
                        help: "a regular file below \(folder.folder.shown)",
                        resource: ResourceID(.image, image.metadata.identity), field: error.field))
            }
        }
        return (manifest, diagnostics)
    }

    /// Why a file cannot serve as an image.
    struct Unusable: Error {
        var why: String
        var field = "spec.file"
    }

    /// What is to be known of a file.
    struct Facts {
        var sha256: String
        var virtualSize: ByteCount?
    }

    /// Reads a file once: its digest, and from its first bytes what kind of disk it is.
    func read(_ image: Image) throws(Unusable) -> Facts {
        let file: ClosedFolder.File
        do throws(ClosedFolder.Unusable) {
            file = try folder.open(image.spec.file)
        } catch {
            throw Unusable(why: error.why)
        }
        let descriptor = file.descriptor
        defer { close(descriptor) }
        var hash = SHA256()
        var head: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count >= 0 else { throw Unusable(why: "cannot be read: \(String(cString: strerror(errno)))") }
            if count == 0 { break }
            if head.isEmpty { head = Array(buffer[..<min(count, 512)]) }
            buffer.withUnsafeBytes { hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
        return Facts(
            sha256: hash.finalize().hexDigits,
            virtualSize: try virtualSize(image.spec.format, head: head, fileSize: UInt64(file.status.st_size)))
    }

    private func virtualSize(_ format: Image.Format, head: [UInt8], fileSize: UInt64) throws(Unusable) -> ByteCount? {
        switch format {
        case .qcow2:
            if let objection = QCOW2Header.objection(to: head) {
                throw Unusable(why: "cannot be used: \(objection)", field: "spec.format")
            }
            return QCOW2Header.virtualSize(head).map { ByteCount($0) }
        case .raw, .iso: return ByteCount(fileSize)
        case .kernel, .initrd: return nil
        }
    }
}
