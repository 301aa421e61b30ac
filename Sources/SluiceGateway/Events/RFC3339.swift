public import Sluice

/// Times as RFC 3339 writes them: `2026-01-02T03:04:05.678Z`.
public enum RFC3339 {
    /// 0001-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: the years that four digits can write.
    static let range: ClosedRange<Int64> = -62_135_596_800_000...253_402_300_799_999

    /// The instant that `text` names.
    ///
    /// Any offset (`-00:00` is UTC), any number of digits behind the second, of which three count; `t` and `z` may be
    /// small. A leap second (`23:59:60` in UTC) is the first instant of the next day, as POSIX counts.
    /// - Returns: nil for anything else, and outside of the years 0001 to 9999.
    public static func parse(_ text: String) -> Timestamp? {
        var text = text
        return text.withUTF8 { parse($0) }
    }

    static func parse(_ text: UnsafeBufferPointer<UInt8>) -> Timestamp? {
        guard text.count >= 20, text.count <= 64,
            let year = digits(text, 0, 4), text[4] == UInt8(ascii: "-"),
            let month = digits(text, 5, 2), text[7] == UInt8(ascii: "-"),
            let day = digits(text, 8, 2), text[10] | 0x20 == UInt8(ascii: "t"),
            let hour = digits(text, 11, 2), text[13] == UInt8(ascii: ":"),
            let minute = digits(text, 14, 2), text[16] == UInt8(ascii: ":"),
            let second = digits(text, 17, 2),
            year >= 1, (1...12).contains(month), day >= 1, day <= daysInMonth(month, year),
            hour < 24, minute < 60, second <= 60
        else { return nil }

        var index = 19
        var milliseconds: Int64 = 0
        if text[index] == UInt8(ascii: ".") {
            index += 1
            let start = index
            var weight: Int64 = 100
            while index < text.count, let digit = digits(text, index, 1) {
                milliseconds += digit * weight
                weight /= 10
                index += 1
            }
            guard index > start else { return nil }
        }
        guard let offset = offset(text, at: index) else { return nil }

        let minuteOfDay = hour * 60 + minute - offset
        if second == 60, (minuteOfDay + 1) % 1_440 != 0 { return nil }
        let seconds = daysSince1970(year, month, day) * 86_400 + minuteOfDay * 60 + second
        let instant = seconds * 1_000 + milliseconds
        return range.contains(instant) ? Timestamp(millisecondsSince1970: instant) : nil
    }

    /// The time in UTC with milliseconds. Times outside of the years 0001 to 9999 become the nearest that can be
    /// written.
    public static func format(_ time: Timestamp) -> String {
        let instant = min(max(time.millisecondsSince1970, range.lowerBound), range.upperBound)
        let (days, milliseconds) = divide(instant, by: 86_400_000)
        let (year, month, day) = date(daysSince1970: days)
        return String(unsafeUninitializedCapacity: 24) { buffer in
            func write(_ value: Int64, _ count: Int, at start: Int, then separator: Unicode.Scalar) {
                var rest = value
                for index in stride(from: start + count - 1, through: start, by: -1) {
                    buffer[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                    rest /= 10
                }
                buffer[start + count] = UInt8(truncatingIfNeeded: separator.value)
            }
            write(year, 4, at: 0, then: "-")
            write(month, 2, at: 5, then: "-")
            write(day, 2, at: 8, then: "T")
            write(milliseconds / 3_600_000, 2, at: 11, then: ":")
            write(milliseconds / 60_000 % 60, 2, at: 14, then: ":")
            write(milliseconds / 1_000 % 60, 2, at: 17, then: ".")
            write(milliseconds % 1_000, 3, at: 20, then: "Z")
            return 24
        }
    }

    // MARK: Parts

    private static func digits(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ count: Int) -> Int64? {
        var value: Int64 = 0
        for index in start..<start + count {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value * 10 + Int64(digit)
        }
        return value
    }

    /// The rest of the text as an offset in minutes.
    private static func offset(_ text: UnsafeBufferPointer<UInt8>, at index: Int) -> Int64? {
        guard index < text.count else { return nil }
        if text[index] | 0x20 == UInt8(ascii: "z") { return text.count == index + 1 ? 0 : nil }
        let isNegative = text[index] == UInt8(ascii: "-")
        guard isNegative || text[index] == UInt8(ascii: "+"), text.count == index + 6,
            let hours = digits(text, index + 1, 2), text[index + 3] == UInt8(ascii: ":"),
            let minutes = digits(text, index + 4, 2), hours < 24, minutes < 60
        else { return nil }
        return isNegative ? -(hours * 60 + minutes) : hours * 60 + minutes
    }

    private static func daysInMonth(_ month: Int64, _ year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days in the proleptic Gregorian calendar, counted in years that start in March so that a leap day comes last.
    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = divide(shifted, by: 400)
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func date(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = divide(days + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    private static func divide(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
