/// Durations as people write them: `100ms`, `1h30m`.
enum DurationText {
    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000),
        ("ms", 1_000_000),
    ]
    /// A century.
    private static let longest = 3_155_760_000.0

    /// Nil where the text is none. 0 needs no unit.
    static func parse(_ text: String) -> Duration? {
        if text == "0" { return .zero }
        var rest = text[...]
        var seconds = 0.0
        var last = Int64.max
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(digits.count)
            let name = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(name.count)
            guard let number = NumberText.parse(digits), let unit = units.first(where: { $0.name == name }),
                unit.nanoseconds < last
            else { return nil }
            last = unit.nanoseconds
            seconds += number * Double(unit.nanoseconds) / 1e9
        }
        guard seconds <= longest else { return nil }
        return .nanoseconds(Int64((seconds * 1e9).rounded()))
    }

    /// So many seconds: a duration with its unit, or a number of such units.
    static func seconds(_ text: String, unit: Double) -> Double? {
        if let number = NumberText.parse(text[...]) { return number * unit }
        return parse(text).map { Double(nanoseconds($0)) / 1e9 }
    }

    /// As ``parse(_:)`` reads it, to the microsecond.
    static func write(_ duration: Duration) -> String {
        var rest = max(0, nanoseconds(duration)) / 1_000 * 1_000
        if rest == 0 { return "0s" }
        var text = ""
        for (name, unit) in units.dropLast(2) where rest >= unit {
            text += "\(rest / unit)\(name)"
            rest %= unit
        }
        if rest == 0 { return text }
        if text.isEmpty, rest < 1_000_000_000 { return "\(decimal(rest, 1_000_000))ms" }
        return text + "\(decimal(rest, 1_000_000_000))s"
    }

    /// For people: three digits are enough.
    static func short(_ duration: Duration) -> String {
        let nanoseconds = max(0, nanoseconds(duration))
        switch nanoseconds {
        case ..<1_000_000_000: return write(.nanoseconds((nanoseconds + 500_000) / 1_000_000 * 1_000_000))
        case ..<60_000_000_000: return write(.nanoseconds((nanoseconds + 5_000_000) / 10_000_000 * 10_000_000))
        case ..<3_600_000_000_000:
            return write(.nanoseconds((nanoseconds + 500_000_000) / 1_000_000_000 * 1_000_000_000))
        default: return write(.nanoseconds((nanoseconds + 30_000_000_000) / 60_000_000_000 * 60_000_000_000))
        }
    }

    /// To the millisecond.
    static func exact(_ duration: Duration) -> String {
        write(.nanoseconds((max(0, nanoseconds(duration)) + 500_000) / 1_000_000 * 1_000_000))
    }

    /// A time since the beginning: `0:00:12.045`.
    static func clock(_ duration: Duration) -> String {
        let milliseconds = max(0, nanoseconds(duration)) / 1_000_000
        func padded(_ number: Int64, _ width: Int) -> String {
            let text = "\(number)"
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        return "\(milliseconds / 3_600_000):\(padded(milliseconds / 60_000 % 60, 2)):"
            + "\(padded(milliseconds / 1_000 % 60, 2)).\(padded(milliseconds % 1_000, 3))"
    }

    static func nanoseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, isOver) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return isOver ? .max : sum
    }

    private static func decimal(_ number: Int64, _ unit: Int64) -> String {
        var digits = "\(number % unit + unit)".dropFirst()
        while digits.last == "0" { digits = digits.dropLast() }
        return "\(number / unit)" + (digits.isEmpty ? "" : ".\(digits)")
    }
}

/// Rates as people write them: `30/m`.
enum RateText {
    private static let units: [(name: String, seconds: Double)] = [("s", 1), ("m", 60), ("h", 3_600)]

    static func parse(_ text: String) -> Double? {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let number = NumberText.parse(parts[0]),
            let unit = units.first(where: { $0.name == parts[1] })
        else { return nil }
        return number / unit.seconds
    }

    static func write(_ rate: Double) -> String {
        for (name, seconds) in units where (rate * seconds).rounded() == rate * seconds {
            return "\(NumberText.short(rate * seconds))/\(name)"
        }
        return "\(NumberText.short(rate))/s"
    }
}

/// Numbers as people write them.
enum NumberText {
    /// Digits, and a point at most.
    static func parse(_ text: Substring) -> Double? {
        guard text.utf8.contains(where: { $0 >= 0x30 && $0 <= 0x39 }),
            text.utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || $0 == UInt8(ascii: ".") })
        else { return nil }
        return Double(text)
    }

    /// Digits, with `_` between them for the eye.
    static func integer(_ text: String) -> Int? {
        guard let first = text.utf8.first, first != UInt8(ascii: "_"),
            text.utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || $0 == UInt8(ascii: "_") })
        else { return nil }
        return Int(text.filter { $0 != "_" })
    }

    /// At most three digits behind the point, and no more than it needs.
    static func short(_ number: Double) -> String {
        guard number.isFinite, abs(number) < 1e15 else { return "\(number)" }
        let thousandths = Int64((abs(number) * 1_000).rounded())
        var digits = "\(thousandths % 1_000 + 1_000)".dropFirst()
        while digits.last == "0" { digits = digits.dropLast() }
        return (number < 0 ? "-" : "") + "\(thousandths / 1_000)" + (digits.isEmpty ? "" : ".\(digits)")
    }

    /// `10,000`.
    static func grouped(_ number: Int) -> String {
        var text = ""
        for (index, digit) in "\(abs(number))".reversed().enumerated() {
            if index > 0, index % 3 == 0 { text = "," + text }
            text = "\(digit)\(text)"
        }
        return (number < 0 ? "-" : "") + text
    }
}
