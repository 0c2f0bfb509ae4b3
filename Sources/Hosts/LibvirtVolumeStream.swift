import CLibvirt
import Foundation

extension LibvirtConnection {
    /// The most bytes that one piece of a stream has.
    private static let pieceSize = 1 << 18

    /// Copies the bytes of a file in a started pool into a file in a started pool of another host, through this process.
    /// Holes stay holes. Both pools know their files as of their last refresh. Maps to `virStorageVolLookupByPath`,
    /// `virStorageVolDownload` and `virStorageVolUpload` with `SPARSE_STREAM`.
    ///
    /// - Parameters:
    ///   - path: of the file here.
    ///   - destination: of the file there, which is there and empty.
    ///   - report: told how many bytes were copied, holes aside.
    public func copyVolume(
        _ path: String, to destination: String, on target: LibvirtConnection, deadline: Duration,
        report: @escaping @Sendable (UInt64) -> Void
    ) async throws(HostError) {
        let end = ContinuousClock.now + deadline
        try await call("virStorageVolUpload", with: target, deadline: deadline) { (source, target) throws(HostError) in
            let from = try VolumeStream(source, path, isUpload: false)
            let to = try VolumeStream(target, destination, isUpload: true)
            var bytes = [CChar](repeating: 0, count: Self.pieceSize)
            var copied: UInt64 = 0
            while ContinuousClock.now < end {
                let count = virStreamRecvFlags(
                    from.stream, &bytes, bytes.count, UInt32(VIR_STREAM_RECV_STOP_AT_HOLE.rawValue))
                switch count {
                case 0:
                    try LibvirtLibrary.check("virStreamFinish", virStreamFinish(from.stream))
                    try LibvirtLibrary.check("virStreamFinish", virStreamFinish(to.stream))
                    from.isFinished = true
                    to.isFinished = true
                    return
                case -3:
                    var length: Int64 = 0
                    try LibvirtLibrary.check("virStreamRecvHole", virStreamRecvHole(from.stream, &length, 0))
                    try LibvirtLibrary.check("virStreamSendHole", virStreamSendHole(to.stream, length, 0))
                case ..<0: throw LibvirtLibrary.lastError("virStreamRecvFlags")
                default:
                    try to.send(&bytes, Int(count))
                    copied += UInt64(count)
                    report(copied)
                }
            }
            throw .deadline(call: "virStorageVolUpload")
        }
    }
}

/// One end of a copy; aborted unless it was finished.
private final class VolumeStream {
    let stream: OpaquePointer
    private let volume: OpaquePointer
    var isFinished = false

    init(_ connection: OpaquePointer, _ path: String, isUpload: Bool) throws(HostError) {
        guard let volume = virStorageVolLookupByPath(connection, path) else {
            throw LibvirtLibrary.lastError("virStorageVolLookupByPath")
        }
        guard let stream = virStreamNew(connection, 0) else {
            let error = LibvirtLibrary.lastError("virStreamNew")
            virStorageVolFree(volume)
            throw error
        }
        self.volume = volume
        self.stream = stream
        let result =
            isUpload
            ? virStorageVolUpload(volume, stream, 0, 0, VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM.rawValue)
            : virStorageVolDownload(volume, stream, 0, 0, VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM.rawValue)
        guard result == 0 else {
            isFinished = true
            throw LibvirtLibrary.lastError(isUpload ? "virStorageVolUpload" : "virStorageVolDownload")
        }
    }

    func send(_ bytes: inout [CChar], _ count: Int) throws(HostError) {
        var sent = 0
        let result: Int32? = bytes.withUnsafeBufferPointer { buffer in
            while sent < count {
                guard let start = buffer.baseAddress else { return nil }
                let written = virStreamSend(stream, start + sent, count - sent)
                if written < 0 { return written }
                sent += Int(written)
            }
            return 0
        }
        guard result == 0 else { throw LibvirtLibrary.lastError("virStreamSend") }
    }

    deinit {
        if !isFinished { virStreamAbort(stream) }
        virStreamFree(stream)
        virStorageVolFree(volume)
    }
}
