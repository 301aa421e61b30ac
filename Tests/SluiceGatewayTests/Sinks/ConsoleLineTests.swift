import Sluice
import SluiceGateway
import Testing

struct ConsoleLineTests {
    private let time = Timestamp(millisecondsSince1970: 1_767_323_045_678)

    @Test func saysWhatHappenedInOneLine() {
        let pushed = CommitPushed(
            id: Fixtures.commit, message: "Fix\nmore", author: "ann", occurredOn: time, repository: "octo/hello",
            ref: "refs/heads/main")
        #expect(
            ConsoleLine.text(of: .commitPushed(pushed))
                == "2026-01-02T03:04:05.678Z  6113728f27ae pushed to octo/hello (main) by ann: Fix")
        let deployed = Deployment(id: "abcd", env: "production", occurredOn: time, service: "api")
        #expect(
            ConsoleLine.text(of: .commitDeployed(deployed))
                == "2026-01-02T03:04:05.678Z  abcd deployed to production (api)"
        )
    }

    @Test func movesNoCursor() {
        let pushed = CommitPushed(id: "abcd", message: "a\u{1B}[2J\u{9B}b", author: "x\r\ny", occurredOn: time)
        let line = ConsoleLine.text(of: .commitPushed(pushed))
        #expect(!line.hasUnsafeCharacters)
        #expect(line.hasSuffix("by x\u{FFFD}\u{FFFD}y: a\u{FFFD}[2J\u{FFFD}b"))
    }
}
