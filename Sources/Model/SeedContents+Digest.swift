import Crypto
import Foundation

extension SeedContents {
    /// Hex digits of HMAC-SHA-256 (RFC 2104) over the three files, keyed with the salt. Each file is preceded by its
    /// length, so no two contents run together. In place of a secret stands its own digest: who knows the salt has to
    /// go through that slow one for every guess.
    public func digest(salt: String) -> String {
        var hmac = HMAC<SHA256>(key: SymmetricKey(data: Data(salt.utf8)))
        let userData = userData(hash: { $0.digest ?? "" }, text: { $0.digest ?? "" })
        for file in [metaData, userData, networkConfig] {
            hmac.update(data: Data("\(file.utf8.count):".utf8))
            hmac.update(data: Data(file.utf8))
        }
        return hmac.finalize().hexDigits
    }
}
