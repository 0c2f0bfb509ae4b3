/// One manifest file, read into memory.
public struct SourceFile: Sendable, Hashable {
    /// The path as messages print it.
    public var path: String
    /// What it holds.
    public var bytes: [UInt8]

    /// A file.
    public init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
    }

    /// A file of that text.
    public init(path: String, text: String) { self.init(path: path, bytes: Array(text.utf8)) }
}
