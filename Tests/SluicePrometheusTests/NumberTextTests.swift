import SluiceTesting
import Testing

@testable import SluicePrometheus

struct NumberTextTests {
    /// What Go's `strconv.FormatFloat(x, 'g', -1, 64)` prints, with `.0` appended where it looks like an integer.
    @Test(arguments: [
        (1.0, "1.0"), (0.005, "0.005"), (10, "10.0"), (100_000, "100000.0"), (1_000_000, "1e+06"),
        (1_500_000, "1.5e+06"),
        (2_592_000, "2.592e+06"), (86_400, "86400.0"), (0.0001, "0.0001"), (0.00001, "1e-05"), (0.000025, "2.5e-05"),
        (0, "0.0"), (-0.5, "-0.5"), (-1, "-1.0"), (-1e6, "-1e+06"), (123_456.789, "123456.789"), (1e16, "1e+16"),
        (1.25e100, "1.25e+100"), (.leastNonzeroMagnitude, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"), (0.1, "0.1"),
        (1_234_567.5, "1.2345675e+06"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"),
    ])
    func boundsAreWrittenLikeGoDoes(value: Double, text: String) {
        #expect(NumberText.bound(value) == text)
        if value.isFinite { #expect(Double(text) == value) }
    }

    @Test(arguments: [
        (0.0, "0"), (-0.0, "0"), (1, "1"), (-1, "-1"), (0.1, "0.1"), (1e15, "1000000000000000"),
        (9_007_199_254_740_991, "9007199254740991"), (1e21, "1e+21"), (-2.5, "-2.5"), (.infinity, "+Inf"),
        (-.infinity, "-Inf"), (.nan, "NaN"), (-.nan, "NaN"), (1e-7, "1e-07"),
    ])
    func valuesAreShort(value: Double, text: String) {
        var bytes: [UInt8] = []
        NumberText.append(value, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == text)
    }

    @Test(arguments: [0, 9, 10, 99, 12_345, UInt64.max]) func wholeNumbersAreExact(value: UInt64) {
        var bytes: [UInt8] = []
        NumberText.append(value, to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == "\(value)")
    }

    @Test func everyDoubleReadsBack() {
        for _ in 0..<20_000 {
            let value = Double(bitPattern: UInt64.random(in: .min ... .max))
            guard value.isFinite else { continue }
            var bytes: [UInt8] = []
            NumberText.append(value, to: &bytes)
            #expect(Double(String(decoding: bytes, as: UTF8.self)) == value)
            #expect(Double(NumberText.bound(value)) == value)
        }
    }
}
