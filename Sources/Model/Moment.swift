/// A moment, in whole seconds of UTC.
public struct Moment: Hashable, Sendable, Comparable, TextCodable {
    /// How a moment is written, for messages.
    public static let acceptedForm = "a moment in UTC such as 2026-11-30T02:00:00Z"

    /// Seconds since the beginning of 1970, leap seconds left out.
    public let seconds: Int64

    /// A moment by its seconds since the beginning of 1970.
    public init(seconds: Int64) { self.seconds = seconds }

    /// Reads `2026-11-30T02:00:00Z` (RFC 3339), or `20261130t020000z` as it is in names.
    public init?(_ text: String) {
        let digits = text.utf8.filter { $0 >= 0x30 && $0 <= 0x39 }.map { Int64($0) - 0x30 }
        guard digits.count == 14 else { return nil }
        func number(_ places: Range<Int>) -> Int64 { digits[places].reduce(0) { $0 * 10 + $1 } }
        let (month, day) = (number(4..<6), number(6..<8))
        let (hour, minute, second) = (number(8..<10), number(10..<12), number(12..<14))
        let days = Self.days(year: number(0..<4), month: month, day: day)
        self.init(seconds: days * 86_400 + hour * 3600 + minute * 60 + second)
        // What is no date, such as 31 February, is written otherwise than it was read.
        guard description == text || word == text else { return nil }
    }

    /// As RFC 3339 has it: `2026-11-30T02:00:00Z`.
    public var description: String {
        let (year, month, day) = date
        return "\(Self.padded(year, to: 4))-\(Self.padded(month))-\(Self.padded(day))T" + clock(":") + "Z"
    }

    /// The same as a word for names, in lower case: `20261130t020000z`.
    public var word: String {
        let (year, month, day) = date
        return "\(Self.padded(year, to: 4))\(Self.padded(month))\(Self.padded(day))t" + clock("") + "z"
    }

    /// Orders by time.
    public static func < (left: Moment, right: Moment) -> Bool { left.seconds < right.seconds }

    /// The moment so many seconds later.
    public func adding(_ seconds: Int64) -> Moment { Moment(seconds: self.seconds + seconds) }

    /// The beginning of its day.
    public var midnight: Moment { Moment(seconds: seconds - secondOfDay) }

    private var secondOfDay: Int64 { (seconds % 86_400 + 86_400) % 86_400 }

    private func clock(_ separator: String) -> String {
        let second = secondOfDay
        return [second / 3600, second / 60 % 60, second % 60].map { Self.padded($0) }.joined(separator: separator)
    }

    /// The Gregorian date: Howard Hinnant's `civil_from_days`, whose years begin in March.
    private var date: (year: Int64, month: Int64, day: Int64) {
        let days = (seconds - secondOfDay) / 86_400 + 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let civil = month < 10 ? month + 3 : month - 9
        return (yearOfEra + era * 400 + (civil <= 2 ? 1 : 0), civil, dayOfYear - (153 * month + 2) / 5 + 1)
    }

    /// Days since the beginning of 1970: `days_from_civil`.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func padded(_ number: Int64, to width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
