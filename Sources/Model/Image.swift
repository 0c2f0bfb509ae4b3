/// A base image, a kernel or an initrd. Stored once in each pool that needs it, under its digest, and never changed.
public struct Image: Hashable, Sendable, Codable {
    /// How the bytes are to be read. Stated, never probed.
    public enum Format: String, CaseIterable, Codable, Sendable {
        /// QEMU's copy-on-write format.
        case qcow2
        /// Bytes as a disk holds them.
        case raw
        /// A CD.
        case iso
        /// A Linux kernel for direct boot.
        case kernel
        /// An initial RAM disk for direct boot.
        case initrd
    }

    /// What the manifest says. It has one of `file` and `url`; what was observed has neither.
    public struct Spec: Hashable, Sendable, Codable {
        /// The file, relative to the controller's `--files` folder.
        public var file: String?
        /// Where hosts fetch the bytes from, as `ImageURL` reads it.
        public var url: String?
        /// SHA-256 of the bytes, 64 hex digits. Optional in a manifest with a file, always known in a plan.
        public var sha256: String?
        /// How the bytes are to be read.
        public var format: Format
        /// Size of a disk's contents as a guest sees it; filled in when the file is read, so not with a URL.
        public var virtualSize: ByteCount?

        /// An image's declaration.
        public init(
            file: String? = nil, url: String? = nil, sha256: String? = nil, format: Format,
            virtualSize: ByteCount? = nil
        ) {
            self.file = file
            self.url = url
            self.sha256 = sha256
            self.format = format
            self.virtualSize = virtualSize
        }
    }

    /// What was observed, or is expected of a stored image.
    public struct Status: Hashable, Sendable, Codable {
        /// The host, by identity.
        public var host: String
        /// The pool it is stored in, by identity.
        public var pool: String
        /// The absolute path, `…/img-<sha256>.<fleet8>.<format>`.
        public var path: String
        /// Whether this is an unfinished copy under a `….staged` name, or what was fetched of it until now.
        public var staged: Bool

        /// An observation.
        public init(host: String, pool: String, path: String, staged: Bool = false) {
            self.host = host
            self.pool = pool
            self.path = path
            self.staged = staged
        }
    }

    /// Name and labels. A stored image that nothing declares is named by its digest.
    public var metadata: Metadata
    /// What the manifest says.
    public var spec: Spec
    /// What was observed or is expected; nil in a manifest.
    public var status: Status?

    /// An image.
    public init(metadata: Metadata, spec: Spec, status: Status? = nil) {
        self.metadata = metadata
        self.spec = spec
        self.status = status
    }
}
