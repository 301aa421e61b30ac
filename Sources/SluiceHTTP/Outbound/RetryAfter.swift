import CCurl
package import Sluice

/// Reads the time before which a server does not want to be asked again (RFC 9110, section 10.2.3).
package enum RetryAfter {
    /// The delay that the headers name, at least 0; nil when they name none that can be read. How long is too long is the
    /// destination's to say (`Destination.RetryAfter.maximum`).
    ///
    /// Fractions of a second, which some servers send against the standard, are kept to the nanosecond, and rounded up
    /// beyond it: a request that comes early is refused again. A date is compared with the server's own `Date` where it sent one, so that clocks may differ.
    package static func delay(in headers: HTTPClient.Headers, now: Timestamp = .now()) -> Duration? {
        guard let value = headers["Retry-After"], !value.isEmpty else { return nil }
        if let delay = number(value) { return delay }
        guard let date = seconds(of: value) else { return nil }
        let reference = headers["Date"].flatMap(seconds) ?? now.millisecondsSince1970 / 1000
        return max(.seconds(date.subtractingSaturated(reference)), .zero)
    }

    /// Digits with at most one point among them. Too many digits for an integer are still a number, and a long time.
    private static func number(_ text: String) -> Duration? {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, text.utf8.contains(where: isDigit), parts.allSatisfy({ $0.allSatisfy(isDigit) })
        else { return nil }
        let seconds = whole.isEmpty ? 0 : Int64(Substring(whole)) ?? .max
        return .seconds(seconds) + .nanoseconds(parts.dropFirst().first.map(nanoseconds) ?? 0)
    }

    /// What the digits behind a point stand for, rounded up.
    private static func nanoseconds(_ digits: Substring.UTF8View) -> Int64 {
        var nanoseconds: Int64 = 0
        var unit: Int64 = 100_000_000
        for digit in digits.prefix(9) {
            nanoseconds += Int64(digit - UInt8(ascii: "0")) * unit
            unit /= 10
        }
        return digits.dropFirst(9).contains { $0 != UInt8(ascii: "0") } ? nanoseconds + 1 : nanoseconds
    }

    /// Any of the three forms of an HTTP date, in seconds since 1970, rounded up.
    private static func seconds(of date: String) -> Int64? {
        let (whole, hasFraction) = withoutFraction(date)
        // -1 is the parser's failure; the second before 1970 is no loss.
        let time = curl_getdate(whole, nil)
        return time == -1 ? nil : Int64(time).addingSaturated(hasFraction ? 1 : 0)
    }

    /// `00:01:30.25 GMT` as `00:01:30 GMT`.
    private static func withoutFraction(_ date: String) -> (String, Bool) {
        guard let point = date.utf8.lastIndex(of: UInt8(ascii: ".")), point != date.startIndex,
            isDigit(date.utf8[date.utf8.index(before: point)])
        else { return (date, false) }
        let digits = date.utf8[date.utf8.index(after: point)...].prefix(while: isDigit)
        guard !digits.isEmpty else { return (date, false) }
        return (
            String(date[..<point]) + String(date[digits.endIndex...]), digits.contains { $0 != UInt8(ascii: "0") }
        )
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
