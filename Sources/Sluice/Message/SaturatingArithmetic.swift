/// Arithmetic on what comes from outside (a record's time, an offset, a header): what does not fit is the nearest that
/// does, where `+` and `Int64(_:)` would end the process.
extension FixedWidthInteger {
    package func addingSaturated(_ other: Self) -> Self {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    package func subtractingSaturated(_ other: Self) -> Self {
        let (difference, overflow) = subtractingReportingOverflow(other)
        guard overflow else { return difference }
        return Self.isSigned && other < 0 ? .max : .min
    }

    package func multipliedSaturated(by other: Self) -> Self {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? ((self < 0) == (other < 0) ? .max : .min) : product
    }

    /// Rounded towards zero; not a number is 0.
    package init(saturating value: Double) {
        if let exact = Self(exactly: value.rounded(.towardZero)) {
            self = exact
        } else {
            self = value.isNaN ? 0 : value < 0 ? .min : .max
        }
    }
}

extension Timestamp {
    /// How long after `earlier` this is, in milliseconds; negative when it is before.
    package func milliseconds(since earlier: Timestamp) -> Int64 {
        millisecondsSince1970.subtractingSaturated(earlier.millisecondsSince1970)
    }

    package func advanced(by duration: Duration) -> Timestamp {
        Timestamp(millisecondsSince1970: millisecondsSince1970.addingSaturated(duration.saturatedMilliseconds))
    }
}

extension Duration {
    /// Whole milliseconds, rounded towards zero.
    package var saturatedMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds.multipliedSaturated(by: 1_000).addingSaturated(attoseconds / 1_000_000_000_000_000)
    }

    /// A number of seconds from outside; not a number is 0.
    package static func seconds(saturating value: Double) -> Duration {
        // The largest that a Duration adds up without overflow, with room to add to it.
        let limit = 1e15
        guard !value.isNaN else { return .zero }
        return .seconds(min(max(value, -limit), limit))
    }
}
