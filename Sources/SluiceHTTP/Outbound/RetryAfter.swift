import CCurl
package import Sluice

/// Reads the time before which a server does not want to be asked again (RFC 9110, section 10.2.3).
package enum RetryAfter {
    /// A server cannot make anyone wait longer than this.
    static let maximum = Duration.seconds(3600)

    /// The delay that the headers name, at least 0 and at most ``maximum``; nil when they name none that can be read.
    ///
    /// A date is compared with the server's own `Date` where it sent one, so that clocks may differ.
    package static func delay(in headers: HTTPClient.Headers, now: Timestamp = .now()) -> Duration? {
        guard let value = headers["Retry-After"], !value.isEmpty else { return nil }
        if value.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            // Too many digits for an integer is still a number, and a long time.
            return min(Int64(value).map { .seconds($0) } ?? maximum, maximum)
        }
        guard let date = seconds(of: value) else { return nil }
        let reference = headers["Date"].flatMap(seconds) ?? now.millisecondsSince1970 / 1000
        let (difference, overflow) = date.subtractingReportingOverflow(reference)
        guard !overflow else { return date > reference ? maximum : .zero }
        return min(max(.seconds(difference), .zero), maximum)
    }

    /// Any of the three forms of an HTTP date, in seconds since 1970.
    private static func seconds(of date: String) -> Int64? {
        // -1 is the parser's failure; the second before 1970 is no loss.
        let time = curl_getdate(date, nil)
        return time == -1 ? nil : Int64(time)
    }
}
