package import Sluice

/// Which times of events are believed. A clock that was never set says 1970 or the year 1, a mistyped one 9999: such a
/// time would outweigh all others in a figure.
package enum EventTime {
    /// 1990-01-01T00:00:00Z, before the history of any repository that is pushed today.
    package static let earliest = Timestamp(millisecondsSince1970: 631_152_000_000)
    /// How far ahead of the receipt a time may be: a day, so that a local time written as UTC passes.
    package static let lead = Duration.seconds(86_400)

    /// - Parameter receipt: when it was heard of.
    package static func isPlausible(_ time: Timestamp, at receipt: Timestamp) -> Bool {
        time >= earliest && time <= receipt.advanced(by: lead)
    }

    /// When the queue took a message; now where the queue does not know, or what it says cannot be.
    static func receipt(_ origin: Delivery.Origin, now: Timestamp) -> Timestamp {
        guard let time = origin.timestamp, isPlausible(time, at: now) else { return now }
        return time
    }

    /// Reads a time: RFC 3339, or a number of seconds or milliseconds since 1970. Numbers below 10^11 are seconds
    /// (until the year 5138); they may have a fraction. Nil for anything else, which is skipped.
    static func read(_ reader: inout JSONReader) throws(JSONError) -> Timestamp? {
        guard reader.kind == .number else { return try reader.stringOrSkip().flatMap(RFC3339.parse) }
        let number = try reader.number()
        guard !number.isNegative, let whole = number.integer() else { return nil }
        let isSeconds = whole < 100_000_000_000
        guard let instant = number.integer(timesTenTo: isSeconds ? 3 : 0), RFC3339.range.contains(instant) else {
            return nil
        }
        return Timestamp(millisecondsSince1970: instant)
    }
}

extension JSONReader {
    /// A member that is a time, as ``EventTime`` reads it.
    mutating func fieldTime(_ name: StaticString, _ value: inout Timestamp?) throws(JSONError) {
        if isAt(name) { value = try EventTime.read(&self) }
    }
}
