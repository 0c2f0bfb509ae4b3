import Model

/// The header of a qcow2 file (docs/interop/qcow2.rst of QEMU), as far as it can lead elsewhere.
public enum QCOW2Header {
    /// How many bytes of the file are looked at.
    public static let length = 112

    /// The largest disk that an image may hold, in bytes: that of the largest volume.
    public static let sizeLimit = UInt64(512) << 40

    /// Why an image with this header must not be used; nil when nothing speaks against it.
    ///
    /// QEMU is never asked. It opens what an image names before it tells of it, and takes what a header says for the sizes
    /// of what it allocates and reads.
    ///
    /// - Parameters:
    ///   - bytes: the first bytes of the file.
    ///   - fileSize: how many it has.
    public static func objection(to bytes: [UInt8], fileSize: UInt64) -> String? {
        guard bytes.count >= 72, Array(bytes[..<4]) == [0x51, 0x46, 0x49, 0xfb] else { return "it is not qcow2" }
        let version = number(bytes, 4, 4)
        guard version == 2 || version == 3 else { return "it is qcow2 of version \(version), not 2 or 3" }
        guard number(bytes, 8, 8) == 0, number(bytes, 16, 4) == 0 else { return "it has a backing file" }
        guard number(bytes, 32, 4) == 0 else { return "it is encrypted" }
        var isExtended = false
        if version == 3 {
            guard bytes.count >= 104 else { return "its header is not whole" }
            let features = number(bytes, 72, 8)
            if features & 0b0001 != 0 || features & 0b0010 != 0 { return "it was not closed properly, or is damaged" }
            if features & 0b0100 != 0 { return "it has an external data file" }
            // Compression type and extended level 2 entries stay within the file.
            if features & ~0b11000 != 0 { return "it needs features that are not known" }
            isExtended = features & 0b10000 != 0
            guard number(bytes, 96, 4) <= 6, number(bytes, 100, 4) >= 104 else { return wrongLayout }
        }
        let size = number(bytes, 24, 8)
        guard size <= sizeLimit else {
            return "it holds a disk of \(size) bytes, more than the \(ByteCount(sizeLimit)) that are accepted"
        }
        return hasTables(bytes, size, fileSize, isExtended) ? nil : wrongLayout
    }

    private static let wrongLayout = "its header says what cannot be so"

    /// Whether the tables that the header names are as large as the disk's size wants, lie in the file, and are no larger than
    /// QEMU makes them (32 MiB for level 1, 8 MiB for reference counts).
    private static func hasTables(_ bytes: [UInt8], _ size: UInt64, _ fileSize: UInt64, _ isExtended: Bool) -> Bool {
        let clusterBits = number(bytes, 20, 4)
        guard (9...21).contains(clusterBits) else { return false }
        let cluster = UInt64(1) << clusterBits
        func lies(_ start: UInt64, _ length: UInt64) -> Bool {
            start % cluster == 0 && start >= cluster && start <= fileSize && length <= fileSize - start
        }
        let entries = number(bytes, 36, 4)
        let reach = cluster * (cluster / (isExtended ? 16 : 8))
        guard entries <= 4 << 20, entries >= (size + reach - 1) / reach,
            entries == 0 || lies(number(bytes, 40, 8), entries * 8)
        else { return false }
        let counts = number(bytes, 56, 4) * cluster
        return counts <= 8 << 20 && counts > 0 && lies(number(bytes, 48, 8), counts)
    }

    /// The size a guest sees, in bytes; nil when the bytes are not those of a qcow2 file.
    public static func virtualSize(_ bytes: [UInt8]) -> UInt64? {
        guard bytes.count >= 72, Array(bytes[..<4]) == [0x51, 0x46, 0x49, 0xfb] else { return nil }
        return number(bytes, 24, 8)
    }

    /// How many snapshots are in the file; none when the bytes are not those of a qcow2 file.
    static func snapshotCount(_ bytes: [UInt8]) -> UInt64 {
        virtualSize(bytes) == nil ? 0 : number(bytes, 60, 4)
    }

    /// How many bytes of a file are read to tell what a guest sees of it: the header, its extensions, and behind them
    /// the name of the file below.
    static let observedLength = 1024

    /// The size a guest sees, in bytes, and the file that this one is a layer over. Nil when that is not plain to see:
    /// another version, encryption, features that change the layout, a file below whose name is relative, is no plain
    /// text, or lies beyond the bytes.
    ///
    /// - Parameter bytes: the first bytes of the file.
    static func contents(_ bytes: ArraySlice<UInt8>) -> (size: UInt64, backing: String?)? {
        let start = bytes.startIndex
        func number(_ offset: Int, _ count: Int) -> UInt64 {
            var value: UInt64 = 0
            for index in start + offset..<start + offset + count { value = value << 8 | UInt64(bytes[index]) }
            return value
        }
        guard bytes.count >= 104, number(0, 4) == 0x5146_49fb else { return nil }
        let version = number(4, 4)
        guard version == 2 || version == 3, number(32, 4) == 0 else { return nil }
        // Unclean, damaged, the kind of compression and extended level 2 entries change nothing of what is read here.
        if version == 3, number(72, 8) & ~0b11011 != 0 { return nil }
        let (offset, length) = (number(8, 8), number(16, 4))
        guard offset != 0 || length != 0 else { return (number(24, 8), nil) }
        guard offset >= 72, offset < bytes.count, (1...1023).contains(length), offset + length <= bytes.count else {
            return nil
        }
        let name = bytes[start + Int(offset)..<start + Int(offset + length)]
        guard name.first == UInt8(ascii: "/"), name.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) else { return nil }
        return (number(24, 8), String(decoding: name, as: UTF8.self))
    }

    /// Reads what `od -A n -t x1` wrote.
    static func bytes(dump: String) -> [UInt8] {
        dump.split(whereSeparator: \.isWhitespace).compactMap { UInt8($0, radix: 16) }
    }

    /// A big-endian number of that many bytes.
    private static func number(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> UInt64 {
        bytes[offset..<offset + count].reduce(0) { $0 << 8 | UInt64($1) }
    }
}
