import CCrypt
import Crypto
import Foundation
import Model

/// crypt(3) of libxcrypt: what guests know of a password, and what plans know of a secret.
enum PasswordHash {
    /// How often SHA-512 is applied for a guest, crypt(5). Twenty times the default: a seed is written seldom, and guests
    /// that know nothing newer are many.
    private static let rounds: UInt = 100_000

    /// The hash of a password for a guest's `/etc/shadow`, salted anew each time.
    /// - Returns: nil when the system's crypt(3) does not make one.
    static func shadow(_ password: String) -> String? {
        setting("$6$", rounds, (0..<16).map { _ in UInt8.random(in: 0 ... .max) }).flatMap { crypt(password, $0) }
    }

    /// A digest that may be shown. It is yescrypt's, which takes 16 MiB and some milliseconds for each guess, salted by
    /// the fleet and the reference, so that it is the same in each run and equal values in two places do not look equal.
    /// - Returns: nil when the system's crypt(3) does not make one.
    static func digest(of value: [UInt8], _ reference: SecretReference, fleet: UUID) -> String? {
        let place = "\(fleet.lowercased)\n\(reference.file.map { "file\n\($0)" } ?? "age\n\(reference.age ?? "")")"
        // crypt(3) takes text of at most 512 bytes.
        let phrase = SHA256.hash(data: Data(value)).hexDigits
        return setting("$y$", 0, Array(SHA256.hash(data: Data(place.utf8)).prefix(16)))
            .flatMap { crypt(phrase, $0) }.flatMap { $0.split(separator: "$").last.map(String.init) }
    }

    private static func setting(_ prefix: String, _ cost: UInt, _ salt: [UInt8]) -> String? {
        let salt = salt.map { CChar(bitPattern: $0) }
        var output = [CChar](repeating: 0, count: Int(CRYPT_GENSALT_OUTPUT_SIZE))
        guard crypt_gensalt_rn(prefix, cost, salt, Int32(salt.count), &output, Int32(output.count)) != nil else {
            return nil
        }
        return text(output)
    }

    private static func crypt(_ phrase: String, _ setting: String) -> String? {
        var data: UnsafeMutableRawPointer?
        var size: Int32 = 0
        defer {
            if let data {
                explicit_bzero(data, Int(size))
                free(data)
            }
        }
        guard let hash = crypt_ra(phrase, setting, &data, &size) else { return nil }
        return String(cString: hash)
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
