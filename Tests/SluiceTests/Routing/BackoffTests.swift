import Sluice
import Testing

struct BackoffTests {
    @Test func doublesUpToItsMaximum() {
        let backoff = Backoff.exponential(jitter: false)
        #expect(backoff.delay(beforeRetry: 1, by: .real) == .milliseconds(100))
        let bounds = (1...12).map { backoff.delay(beforeRetry: $0, by: .real).inSeconds }
        for (bound, expected) in zip(bounds, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30, 30]) {
            #expect(abs(bound - expected) < 1e-9)
        }
    }

    @Test func drawsFromTheWholeRangeBelowItsBound() {
        let backoff = Backoff.exponential(from: .milliseconds(10), upTo: .seconds(1))
        for retry in 1...8 {
            let bound = backoff.bound(beforeRetry: retry)
            let draws = (0..<500).map { _ in backoff.delay(beforeRetry: retry, by: .real) }
            #expect(draws.allSatisfy { $0 >= .zero && $0 <= bound })
            #expect(draws.contains { $0 < bound / 4 } && draws.contains { $0 > bound * 0.75 })
        }
    }

    @Test(arguments: [Int.min, -1, 0, 1, 2, 1_000, Int.max])
    func takesAnyNumberOfARetry(retry: Int) {
        let wild = Backoff.exponential(from: .nanoseconds(1), upTo: .seconds(86_400 * 365_000), multiplier: 1e300)
        #expect(wild.delay(beforeRetry: retry, by: .real) <= wild.maximum)
        #expect(Backoff.constant(.seconds(3)).delay(beforeRetry: retry, by: .real) == .seconds(3))
    }

    @Test func namesTheOptionThatIsWrong() {
        func field(_ backoff: Backoff) -> String? {
            do throws(ConfigurationError) {
                try backoff.validate("X")
                return nil
            } catch { return error.field }
        }
        #expect(field(.exponential()) == nil)
        #expect(field(.exponential(from: .seconds(-1))) == "X.initial")
        #expect(field(.exponential(from: .seconds(2), upTo: .seconds(1))) == "X.maximum")
        #expect(field(.exponential(multiplier: 0.5)) == "X.multiplier")
        #expect(field(.exponential(multiplier: .nan)) == "X.multiplier")
    }
}
