import Crypto
import Foundation
import Model
import Synchronization

/// The digests of one fleet's secrets that were made already. They take long on purpose, and a watcher asks for them at
/// each turn. Values are not kept.
final class DigestMemory: Sendable {
    private struct Known {
        var value: SHA256Digest
        var digest: String
    }

    /// The last one of each reference.
    private let known = Mutex<[SecretReference: Known]>([:])

    /// The digest of a value, made if it is not the one of last time.
    func digest(of value: SecretValue, _ reference: SecretReference, make: () -> String?) -> String? {
        let key = SecretReference(file: reference.file, age: reference.age)
        let hash = SHA256.hash(data: Data(value.text.utf8))
        if let last = known.withLock({ $0[key] }), last.value == hash { return last.digest }
        guard let digest = make() else { return nil }
        known.withLock { $0[key] = Known(value: hash, digest: digest) }
        return digest
    }
}
