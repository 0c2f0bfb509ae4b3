import ArgumentParser
import Foundation

extension UUID {
    /// Reads an option's value.
    static func argument(_ text: String) throws -> UUID {
        guard let uuid = UUID(uuidString: text) else { throw ValidationError("\(text) is no UUID") }
        return uuid
    }
}
