/// A number of a JSON text in its decimal form, so that times in milliseconds lose nothing to binary fractions.
package struct JSONNumber: Hashable, Sendable {
    package var isNegative = false
    /// The leading digits, at least 19 of them.
    package var digits: UInt64 = 0
    /// The power of ten to multiply `digits` with.
    package var exponent = 0

    /// The number times 10^`power`, rounded towards zero; nil when that does not fit.
    package func integer(timesTenTo power: Int = 0) -> Int64? {
        guard digits > 0 else { return 0 }
        var value = digits
        var exponent = exponent &+ power
        while exponent > 0 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            value = product
            exponent -= 1
        }
        while exponent < 0, value > 0 {
            value /= 10
            exponent += 1
        }
        guard let magnitude = Int64(exactly: value) else { return nil }
        return isNegative ? -magnitude : magnitude
    }

    /// Whether it is written without a fraction, such as `1` or `2e3`.
    package var isWhole: Bool { digits == 0 || exponent >= 0 }

    mutating func append(digit: UInt8, ofFraction: Bool) {
        // Beyond what 64 bits hold, digits only shift the point.
        guard digits <= (UInt64.max - 9) / 10 else {
            if !ofFraction { exponent += 1 }
            return
        }
        digits = digits * 10 + UInt64(digit)
        if ofFraction { exponent -= 1 }
    }
}
