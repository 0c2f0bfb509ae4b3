/// One manifest file, read into memory.
public struct SourceFile: Sendable, Hashable {
    /// The path, relative to the folder of manifests or to the working directory, whichever the reader of messages knows.
    public var path: String
    /// What it holds.
    public var bytes: [UInt8]

    /// A file.
    public init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
    }

    /// The path as messages print it: one line, not too long.
    public var printedPath: String { Wording.shortened(path, to: 512) }

    /// A file of that text.
    public init(path: String, text: String) { self.init(path: path, bytes: Array(text.utf8)) }
}
