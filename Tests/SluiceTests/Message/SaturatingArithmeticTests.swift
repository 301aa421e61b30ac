import Sluice
import Testing

struct SaturatingArithmeticTests {
    private static let edges: [Int64] = [.min, .min + 1, -1_000, -1, 0, 1, 1_000, .max - 1, .max]

    @Test func isExactWhereItFitsAndTheNearestWhereItDoesNot() {
        for a in Self.edges {
            for b in Self.edges {
                func clamp(_ exact: Int128) -> Int64 { Int64(clamping: exact) }
                #expect(a.addingSaturated(b) == clamp(Int128(a) + Int128(b)))
                #expect(a.subtractingSaturated(b) == clamp(Int128(a) - Int128(b)))
                #expect(a.multipliedSaturated(by: b) == clamp(Int128(a) * Int128(b)))
                let (one, other) = (Timestamp(millisecondsSince1970: a), Timestamp(millisecondsSince1970: b))
                #expect(one.milliseconds(since: other) == clamp(Int128(a) - Int128(b)))
                #expect(
                    one.advanced(by: .milliseconds(b)).millisecondsSince1970 == clamp(Int128(a) + Int128(b)))
            }
        }
        #expect(UInt64(1).subtractingSaturated(2) == 0)
        #expect(UInt64.max.addingSaturated(1) == .max)
        #expect(UInt8(200).multipliedSaturated(by: 2) == .max)
    }

    @Test func takesAnyDouble() {
        for (value, expected) in [
            (0.0, 0), (-0.9, 0), (1.9, 1), (-1.9, -1), (1e300, .max), (-1e300, .min), (.infinity, .max),
            (-.infinity, .min), (.nan, 0), (9_223_372_036_854_775_807.0, .max), (-9_223_372_036_854_775_808.0, .min),
        ] as [(Double, Int64)] {
            #expect(Int64(saturating: value) == expected, "\(value)")
        }
        #expect(UInt8(saturating: 300) == .max && UInt8(saturating: -1) == 0)
        for value in [1e300, -1e300, .infinity, -.infinity, .nan, .leastNonzeroMagnitude] {
            _ = Duration.seconds(saturating: value) + .seconds(1)
        }
        #expect(Duration.seconds(saturating: 1.5) == .milliseconds(1_500))
        for seconds in Self.edges { _ = Duration.seconds(seconds).saturatedMilliseconds }
        #expect(Duration.milliseconds(1_999).saturatedMilliseconds == 1_999)
    }
}
