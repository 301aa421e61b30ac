import Sluice
import Testing

@testable import SluiceGateway

struct ReaderStartParsingTests {
    @Test func aStartIsAWordOrATime() {
        #expect(ReaderStart.parse("now") == .now)
        #expect(ReaderStart.parse("Beginning") == .beginning)
        #expect(ReaderStart.parse("1970-01-01T00:00:01Z") == .time(Timestamp(millisecondsSince1970: 1_000)))
        for wrong in ["", "yesterday", "2026-01-02", "1767323045"] { #expect(ReaderStart.parse(wrong) == nil) }
    }

    @Test func aStartThatIsNoneIsRefusedByItsName() {
        let error = #expect(throws: EnvironmentError.self) {
            try GatewayConfiguration(environment: [
                "SLACK_WEBHOOK_URL": "https://hooks.slack.com/x", "SLACK_START": "soon",
            ])
        }
        #expect(error?.problems.contains { $0.hasPrefix("SLACK_START: expected now, beginning") } == true)
    }
}
