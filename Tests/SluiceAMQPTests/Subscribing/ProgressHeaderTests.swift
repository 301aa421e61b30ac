import Sluice
import Testing

@testable import SluiceAMQP

struct ProgressHeaderTests {
    private let progress = Delivery.Progress(
        attempts: 7, failedAttempts: 5, throttledAnswers: 2,
        firstFailure: Timestamp(millisecondsSince1970: 1_700_000_000_123),
        due: Timestamp(millisecondsSince1970: 1_700_000_060_123), wait: .milliseconds(60_001))

    @Test func isReadAsItWasWritten() {
        #expect(ProgressHeader.read(.text(ProgressHeader.write(progress))) == progress)
    }

    /// Any publisher may have written it.
    @Test(arguments: [
        "", " ", "1 2 3 4 5", "1 2 3 4 5 6 7", "1 2 3 4 5 x", "-1 2 3 4 5 6", "1 2 3 4 5 -6", "1  3 4 5 6",
        "4294967296 1 1 1 1 1", "1 2 3 4 5 9223372036854775808", "1 2 3 4 5 6 ",
    ])
    func whatIsNoneIsRefused(_ text: String) {
        #expect(ProgressHeader.read(.text(text)) == nil)
    }

    @Test func noHeaderHoldsAMessageForEver() throws {
        let read = try #require(ProgressHeader.read(.text("1 1 0 0 9223372036854775807 9223372036854775807")))
        #expect(read.wait == .seconds(30 * 86_400))
        #expect(read.remaining(at: Timestamp(millisecondsSince1970: 0)) == .seconds(30 * 86_400))
        #expect(ProgressHeader.read(.int64(1)) == nil && ProgressHeader.read(nil) == nil)
    }
}
