import Foundation
import Synchronization
import SystemPackage

/// What a program says, for whoever waits for a word of it.
final class Transcript: Sendable {
    private struct Waiting {
        let word: String
        let continuation: CheckedContinuation<Bool, Never>
    }

    private let state = Mutex((text: "", waiting: [Waiting](), ended: false))

    /// All that it said until now.
    var text: String { state.withLock(\.text) }

    /// Reads until nobody can write any more.
    func read(_ descriptor: FileDescriptor) {
        var buffer = [UInt8](repeating: 0, count: 1 << 14)
        while let count = try? buffer.withUnsafeMutableBytes({ try descriptor.read(into: $0) }), count > 0 {
            said(String(decoding: buffer[..<count], as: UTF8.self), isEnd: false)
        }
        end("")
    }

    /// Nothing comes any more.
    func end(_ text: String) { said(text, isEnd: true) }

    /// Waits for a word; false when it ended without.
    func says(_ word: String) async -> Bool {
        await withCheckedContinuation { continuation in
            let answer: Bool? = state.withLock { state in
                if state.text.contains(word) { return true }
                if state.ended { return false }
                state.waiting.append(Waiting(word: word, continuation: continuation))
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }

    private func said(_ text: String, isEnd: Bool) {
        let found = state.withLock { state in
            state.text += text
            state.ended = state.ended || isEnd
            var found: [(CheckedContinuation<Bool, Never>, Bool)] = []
            state.waiting.removeAll { waiting in
                let isSaid = state.text.contains(waiting.word)
                if isSaid || state.ended { found.append((waiting.continuation, isSaid)) }
                return isSaid || state.ended
            }
            return found
        }
        for (continuation, answer) in found { continuation.resume(returning: answer) }
    }
}
