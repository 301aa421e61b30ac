import SluiceGateway
import Testing

struct StringSafetyTests {
    @Test(arguments: ["\n", "\u{1B}[2J", "\u{7F}", "\u{9B}", "\u{2028}", "\u{202E}", "\u{2066}", "a\0"])
    func replacesWhatBreaksALine(text: String) {
        #expect(text.hasUnsafeCharacters)
        #expect(!text.replacingUnsafeCharacters().hasUnsafeCharacters)
    }

    @Test(arguments: ["", "plain", "größer 漢字 🚀 €", "\u{A0}£", "‘quotes’ – …"])
    func leavesPlainTextAlone(text: String) {
        #expect(!text.hasUnsafeCharacters)
        #expect(text.replacingUnsafeCharacters() == text)
    }

    @Test func cutsBetweenCodePoints() {
        #expect("äöü".truncated(toBytes: 5) == "äö")
        #expect("äöü".truncated(toBytes: 6) == "äöü")
        #expect("🚀".truncated(toBytes: 3) == "")
    }

    @Test(arguments: [
        ("a\nb", "a"), ("  a \r\nb", "a"), ("\n\n title \n", "title"), ("", ""), (" \n ", ""), ("x", "x"),
    ])
    func takesTheFirstLine(text: String, line: String) {
        #expect(text.firstLine == line)
    }
}
