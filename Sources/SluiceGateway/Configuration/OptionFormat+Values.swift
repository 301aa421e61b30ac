import Sluice

extension OptionFormat where Value == BindAddress {
    static var address: Self {
        Self("an address and a port, such as 127.0.0.1:8080, [::1]:8080, or :8080 for all interfaces") {
            BindAddress($0)
        }
    }
}

extension OptionFormat where Value == String {
    static var path: Self {
        Self("a path") { $0.utf8.contains(0) ? nil : $0 }
            .refusing("") { field, path, check in check(field, !path.isEmpty, expected: "a path") }
    }

    /// Any text that is not empty.
    static var text: Self {
        Self("a text") { $0 }
    }

    /// An address of HTTP, which holds no password.
    static var webAddress: Self {
        Self("an address that begins with https:// or http://, without user, password, or fragment") {
            WebAddress.isValid($0) ? $0 : nil
        }
    }
}

extension OptionFormat where Value == [String] {
    /// Names of hosts, without port.
    static var hosts: Self {
        Self("names of hosts without port, with commas between them") { text in
            let names = text.split(separator: ",").map { $0.filter { !$0.isWhitespace } }
            let areNames = names.allSatisfy { name in
                (1...253).contains(name.utf8.count)
                    && name.utf8.allSatisfy { byte in
                        switch byte {
                        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                            UInt8(ascii: "-"):
                            true
                        default: false
                        }
                    }
            }
            return names.isEmpty || !areNames ? nil : names
        }.shaped(.list)
    }
}

extension OptionFormat where Value == Secret {
    /// Any text. Whitespace at its ends counts, and is probably not meant.
    static var secret: Self {
        Self(
            "a text",
            caution: { text in
                text.first?.isWhitespace == true || text.last?.isWhitespace == true
                    ? "begins or ends with whitespace, which counts as part of it" : nil
            }
        ) { Secret($0) }
    }

    /// A secret that travels in a header.
    static var token: Self {
        Self("visible ASCII characters without spaces") {
            $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } ? Secret($0) : nil
        }
    }
}

extension OptionFormat where Value == Bool {
    static var boolean: Self {
        Self("true or false") {
            switch $0 {
            case "1": true
            case "0": false
            default: SwitchText.parse($0)
            }
        }
    }
}

extension OptionFormat where Value == Int {
    static func integer(_ range: ClosedRange<Int>) -> Self {
        Self(
            "a whole number from \(range.lowerBound) to \(range.upperBound)",
            range: "\(range.lowerBound) to \(range.upperBound)"
        ) { text in
            text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 })
                ? Int(text).flatMap { range.contains($0) ? $0 : nil } : nil
        }
    }
}

extension OptionFormat where Value == Duration {
    static func seconds(_ range: ClosedRange<Double>) -> Self {
        let words = "\(Int(range.lowerBound)) to \(Int(range.upperBound))"
        return Self("a number of seconds from \(words), or a duration such as 90s or 2m", range: words, unit: "seconds")
        {
            guard let seconds = DurationText.seconds($0, unit: 1), range.contains(seconds) else { return nil }
            return .milliseconds(Int64(seconds * 1_000))
        }.refusingLess(zero: range.lowerBound <= 0).durations("90s or 2m", range, unit: 1)
    }

    static func days(_ range: ClosedRange<Double>) -> Self {
        let most = Int(range.upperBound)
        let least = range.lowerBound > 0 && range.lowerBound < 1 ? "\(range.lowerBound)" : "\(Int(range.lowerBound))"
        return Self(
            "a number of days from \(range.lowerBound == 0 ? "0" : "\(range.lowerBound)") to \(most), or a duration such as 12h or 30d",
            range: "\(least) to \(most)", unit: "days"
        ) {
            guard let seconds = DurationText.seconds($0, unit: 86_400), range.contains(seconds / 86_400) else {
                return nil
            }
            return .seconds(Int64(seconds))
        }.refusingLess(zero: range.lowerBound <= 0).durations("12h or 30d", range, unit: 86_400)
    }

    /// - Parameter unit: what the range counts, in seconds.
    private func durations(_ examples: String, _ range: ClosedRange<Double>, unit: Double) -> Self {
        func text(_ number: Double) -> String { DurationText.write(.seconds(number * unit)) }
        return inFile("a duration such as \(examples), from \(text(range.lowerBound)) to \(text(range.upperBound))")
    }

    /// - Parameter zero: whether it may be 0.
    private func refusingLess(zero: Bool) -> Self {
        refusing(.seconds(-1)) { field, duration, check in
            if zero { check(field, duration, in: .zero...) } else { check(field, duration, above: .zero) }
        }
    }
}

extension OptionFormat where Value == Double {
    /// - Parameter unit: what it counts, such as `a second`.
    static func number(_ range: ClosedRange<Double>, unit: String? = nil) -> Self {
        let words = "\(range.lowerBound) to \(range.upperBound)"
        return Self("a number from \(words)", range: words, unit: unit) {
            guard let number = DecimalText.number($0), range.contains(number) else { return nil }
            return number
        }
    }
}

extension OptionFormat where Value == Int64 {
    /// A number of bytes, with or without a unit.
    static func bytes(_ range: ClosedRange<Int64>) -> Self {
        let words = "\(range.lowerBound) bytes to \(range.upperBound >> 40) TiB"
        return Self("a size such as 500MB or 1GiB, from \(words)", range: words) { text in
            let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            let unit = text.dropFirst(digits.count).drop { $0 == " " }.lowercased()
            guard let number = DecimalText.number(String(digits)), let factor = DecimalText.units[unit] else {
                return nil
            }
            let bytes = number * Double(factor)
            guard bytes >= Double(range.lowerBound), bytes <= Double(range.upperBound) else { return nil }
            return Int64(bytes)
        }.refusing(0) { field, bytes, check in check(field, bytes, above: 0) }
    }
}

extension OptionFormat {
    /// One of these words, in any case of letters.
    static func choice(_ values: [Value], named name: @escaping @Sendable (Value) -> String) -> Self {
        let words = values.map(name).joined(separator: ", ")
        return Self("one of " + words, range: words) { text in
            values.first { name($0) == text.lowercased() }
        }
    }
}

private enum DecimalText {
    static let units: [String: Int64] = [
        "": 1, "b": 1, "kb": 1_000, "mb": 1_000_000, "gb": 1_000_000_000, "tb": 1_000_000_000_000, "kib": 1 << 10,
        "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
    ]

    /// Digits, and a point at most.
    static func number(_ text: String) -> Double? {
        text.utf8.allSatisfy { ($0 >= 0x30 && $0 <= 0x39) || $0 == UInt8(ascii: ".") } ? Double(text) : nil
    }
}

/// Addresses of HTTP as they may be configured.
enum WebAddress {
    static func isValid(_ text: String) -> Bool {
        guard let scheme = ["https://", "http://"].first(where: { text.lowercased().hasPrefix($0) }),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") && $0 != UInt8(ascii: "\\") })
        else { return false }
        let authority = text.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" }
        guard !authority.utf8.contains(UInt8(ascii: "@")) else { return false }
        let hasPort = authority.hasPrefix("[") ? authority.contains("]:") : authority.contains(":")
        guard let address = BindAddress(hasPort ? String(authority) : "\(authority):80") else { return false }
        return address.host != nil && address.port != 0
    }

    /// Whether what is sent there, credentials too, crosses a network in the clear.
    static func isClear(_ url: String) -> Bool {
        guard url.lowercased().hasPrefix("http://") else { return false }
        return !BindAddress.isHere(String(url.dropFirst("http://".count).prefix { $0 != "/" && $0 != "?" }))
    }
}

extension BindAddress {
    /// Whether an address, a host with a port or without, is this machine.
    static func isHere(_ address: String) -> Bool {
        if BindAddress(host: address, port: 0).isLoopback { return true }
        return (BindAddress(address) ?? BindAddress("\(address):0"))?.isLoopback ?? false
    }
}
