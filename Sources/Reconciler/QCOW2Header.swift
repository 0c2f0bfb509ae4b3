/// The head of a qcow2 file, as `docs/interop/qcow2.txt` of QEMU has it. All numbers are big endian.
struct QCOW2Header {
    /// Size of the disk in bytes.
    let virtualSize: UInt64

    /// Reads a header, and refuses one that would make QEMU open another file.
    init(_ bytes: [UInt8]) throws(ImageFiles.Unusable) {
        guard bytes.count >= 72, bytes[0..<4].elementsEqual([0x51, 0x46, 0x49, 0xfb]) else {
            throw ImageFiles.Unusable(why: "is not a qcow2 file", field: "spec.format")
        }
        func number(at offset: Int, _ count: Int) -> UInt64 {
            bytes[offset..<offset + count].reduce(0) { $0 << 8 | UInt64($1) }
        }
        let version = number(at: 4, 4)
        guard version == 2 || version == 3 else {
            throw ImageFiles.Unusable(
                why: "is qcow2 version \(version), of which nothing is known", field: "spec.format")
        }
        guard number(at: 8, 8) == 0 else {
            throw ImageFiles.Unusable(why: "has a backing file; only whole images are accepted")
        }
        guard number(at: 32, 4) == 0 else { throw ImageFiles.Unusable(why: "is encrypted") }
        let externalDataFile: UInt64 = 1 << 2
        if version == 3, bytes.count >= 80, number(at: 72, 8) & externalDataFile != 0 {
            throw ImageFiles.Unusable(why: "keeps its data in another file; only whole images are accepted")
        }
        virtualSize = number(at: 24, 8)
        guard virtualSize <= UInt64(Int64.max) else {
            throw ImageFiles.Unusable(why: "says that it holds \(virtualSize) bytes", field: "spec.file")
        }
    }
}
