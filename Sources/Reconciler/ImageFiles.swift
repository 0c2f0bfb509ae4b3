import Crypto
import Drivers
import Glibc
import Hosts
public import Model

/// The controller's folder of image files (`--files`). Nothing outside it is read, and no link is followed.
public struct ImageFiles: Sendable {
    private let folder: ClosedFolder
    private let known = KnownFiles()
    private let resolution: Int
    private let reading: @Sendable () -> Void

    /// How long the files of a fleet may take to be read.
    private static let deadline = Duration.seconds(6 * 3600)
    /// Whoever reads for that long does it here.
    private static let threads = BlockingCalls(threads: 2)

    /// The folder at a path, relative to the current one. Files that do not change are read once by all copies of the value.
    public init(_ path: String) { self.init(path, resolution: 2) }

    /// - Parameters:
    ///   - resolution: of the clock by which files are told to be the same, in seconds.
    ///   - reading: Called before each part of a file is read.
    init(_ path: String, resolution: Int, reading: @escaping @Sendable () -> Void = {}) {
        folder = ClosedFolder(path)
        self.resolution = resolution
        self.reading = reading
    }

    /// Where an image's file is.
    public func path(of file: String) -> String { folder.path(of: file) }

    /// Fills in the digest and the virtual size of every image that is a file. Problems are told about the image, which then
    /// stays without a digest, so what needs it is blocked.
    /// - Parameter folder: The folder; with nil only digests that the manifests state are known.
    public static func fill(_ manifest: FleetManifest, from folder: ImageFiles?) -> (FleetManifest, [Diagnostic]) {
        var manifest = manifest
        var diagnostics: [Diagnostic] = []
        for index in manifest.images.indices {
            let image = manifest.images[index]
            guard let folder, let file = image.spec.file else { continue }
            do throws(Unusable) {
                let facts = try folder.read(file, image.spec.format)
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
                        code: "image-file", "\(file) \(error.why)",
                        help: "a regular file below \(folder.folder.shown)",
                        resource: ResourceID(.image, image.metadata.identity), field: error.field))
            }
        }
        return (manifest, diagnostics)
    }

    /// The same on a thread of its own, so that a large file holds up nothing else that is under way: a watcher's locks are
    /// fed meanwhile.
    public static func filling(
        _ manifest: FleetManifest, from folder: ImageFiles?
    ) async -> (FleetManifest, [Diagnostic]) {
        guard folder != nil, manifest.images.contains(where: { $0.spec.file != nil }) else { return (manifest, []) }
        do throws(HostError) {
            return try await threads.run("reading image files", deadline: deadline) { fill(manifest, from: folder) }
        } catch {
            var manifest = manifest
            for index in manifest.images.indices where manifest.images[index].spec.file != nil {
                manifest.images[index].spec.sha256 = nil
            }
            let problem = Diagnostic(
                code: "image-file", "the image files could not be read: \(error)",
                resource: ResourceID(.fleet, manifest.fleet.metadata.identity))
            return (manifest, [problem])
        }
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
    func read(_ name: String, _ format: Image.Format) throws(Unusable) -> Facts {
        let file: ClosedFolder.File
        do throws(ClosedFolder.Unusable) {
            file = try folder.open(name)
        } catch {
            throw Unusable(why: error.why)
        }
        defer { close(file.descriptor) }
        let contents = try contents(of: file)
        return Facts(
            sha256: contents.sha256,
            virtualSize: try virtualSize(format, head: contents.head, fileSize: UInt64(file.status.st_size)))
    }

    /// What an open file holds. One that is written to meanwhile holds nothing that could be told.
    private func contents(of file: ClosedFolder.File) throws(Unusable) -> KnownFiles.Contents {
        let key = KnownFiles.Key(file.status)
        if let known = known[key] { return known }
        let isSettled = KnownFiles.isSettled(file.status, resolution: resolution)
        var hash = SHA256()
        var head: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            reading()
            let count = Glibc.read(file.descriptor, &buffer, buffer.count)
            guard count >= 0 else { throw Unusable(why: "cannot be read: \(String(cString: strerror(errno)))") }
            if count == 0 { break }
            if head.isEmpty { head = Array(buffer[..<min(count, 512)]) }
            buffer.withUnsafeBytes { hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
        var status = stat()
        guard fstat(file.descriptor, &status) == 0, KnownFiles.Key(status) == key else {
            throw Unusable(why: "was written to while it was read")
        }
        let contents = KnownFiles.Contents(sha256: hash.finalize().hexDigits, head: head)
        if isSettled { known.note(contents, of: key) }
        return contents
    }

    private func virtualSize(_ format: Image.Format, head: [UInt8], fileSize: UInt64) throws(Unusable) -> ByteCount? {
        switch format {
        case .qcow2:
            if let objection = QCOW2Header.objection(to: head, fileSize: fileSize) {
                throw Unusable(why: "cannot be used: \(objection)", field: "spec.format")
            }
            return QCOW2Header.virtualSize(head).map { ByteCount($0) }
        case .raw, .iso: return ByteCount(fileSize)
        case .kernel, .initrd: return nil
        }
    }
}
