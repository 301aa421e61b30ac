import Sluice

extension YAMLFormat where Value == Duration {
    /// `100ms`, `5s`, `5m`, `1h30m`; at least 0.
    static var duration: Self {
        Self(
            text: "a duration such as 100ms, 5s, 5m or 1h", write: { DurationText.write($0) },
            parse: { DurationText.parse($0) })
    }

    /// More than 0.
    static var positiveDuration: Self { duration.bounded("more than 0") { $0 > .zero } }
}

extension YAMLFormat where Value == Double {
    /// `1/s`, `30/m`, `1000/h`: as many a second; more than 0.
    static var rate: Self {
        Self(text: "a rate such as 1/s, 30/m or 1000/h, more than 0", write: { RateText.write($0) }) { text in
            RateText.parse(text).flatMap { $0 > 0 && $0.isFinite ? $0 : nil }
        }
    }

    /// `20%`: a share of 1.
    static func share(_ range: ClosedRange<Double>, _ bounds: String) -> Self {
        Self(text: "a share such as 20%, \(bounds)", write: { "\(NumberText.short($0 * 100))%" }) { text in
            guard text.hasSuffix("%"), let number = NumberText.parse(text.dropLast()) else { return nil }
            return range.contains(number / 100) ? number / 100 : nil
        }
    }

    static var number: Self {
        Self(text: "a number such as 1 or 0.36", write: { NumberText.short($0) }) { NumberText.parse($0[...]) }
    }
}

extension YAMLFormat where Value == Int {
    static func count(_ range: ClosedRange<Int>) -> Self {
        let bounds =
            range.upperBound == .max ? "from \(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
        return Self(text: "a whole number, \(bounds)", write: { "\($0)" }) { text in
            NumberText.integer(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    static func count(from least: Int) -> Self { count(least ... .max) }
}

extension YAMLFormat where Value == String {
    /// Any text that is not empty and has no control characters.
    static func text(_ expected: String) -> Self {
        Self(text: expected, write: { $0 }) { $0.isEmpty || $0.hasUnsafeCharacters ? nil : $0 }
    }
}

extension YAMLFormat where Value == Bool {
    static var flag: Self {
        Self(text: "true or false", write: { "\($0)" }) { SwitchText.parse($0) }.limited(to: ["true", "false"])
    }
}

/// The words that switch things on and off: all that YAML ever took for booleans.
enum SwitchText {
    /// Nil where it is none.
    static func parse(_ text: String?) -> Bool? {
        switch text?.lowercased() {
        case "true", "yes", "on": true
        case "false", "no", "off": false
        default: nil
        }
    }
}

extension YAMLFormat {
    /// One of some words.
    static func word(_ words: KeyValuePairs<String, Value>) -> Self where Value: Equatable {
        let pairs = words.map { ($0.key, $0.value) }
        let names = pairs.map(\.0)
        return Self(
            text: names.joined(last: "or"), write: { value in pairs.first { $0.1 == value }?.0 ?? "" },
            parse: { text in pairs.first { $0.0 == text }?.1 }
        ).limited(to: names)
    }
}
