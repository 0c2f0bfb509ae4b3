/// Words that somebody mistyped.
public enum Spelling {
    /// The word that was probably meant; nil when none is near.
    public static func nearest(to word: String, in words: [String]) -> String? {
        let limit = max(1, min(3, word.utf8.count / 3))
        guard word.utf8.count <= 64, words.count <= 500 else { return nil }
        let scored = words.map { (word: $0, distance: distance(word.lowercased(), $0.lowercased())) }
        return scored.filter { $0.distance <= limit }.min {
            ($0.distance, $0.word) < ($1.distance, $1.word)
        }?.word
    }

    /// Edits that lead from one word to the other: a character more, less, another, or two neighbours swapped.
    private static func distance(_ left: String, _ right: String) -> Int {
        let left = Array(left.utf8)
        let right = Array(right.utf8)
        guard abs(left.count - right.count) <= 3 else { return .max }
        var before = [Int](repeating: 0, count: right.count + 1)
        var above = Array(0...right.count)
        for row in 0..<left.count {
            var current = [row + 1]
            for column in 0..<right.count {
                var best = min(above[column + 1], current[column]) + 1
                best = min(best, above[column] + (left[row] == right[column] ? 0 : 1))
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    best = min(best, before[column - 1] + 1)
                }
                current.append(best)
            }
            (before, above) = (above, current)
        }
        return above[right.count]
    }
}
