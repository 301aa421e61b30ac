import Sluice
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

    /// Against what the words say, character by character.
    @Test func takesTheFirstLineOfAnyText() {
        let parts = [
            "a", " ", "\t", "\n", "\r\n", "\u{2028}", "\u{2029}", "\u{A0}", "\u{85}", "\u{3000}", "ä", "…", "\u{80}",
            "🚀", "\u{B}",
        ]
        var random = SplitMix64(seed: 7)
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 0...6, using: &random)).map { _ in parts.randomElement(using: &random) ?? ""
            }.joined()
            var line = Array(text.unicodeScalars.drop(while: \.properties.isWhitespace))
            if let end = line.firstIndex(where: { "\n\r\u{2028}\u{2029}".unicodeScalars.contains($0) }) {
                line.removeSubrange(end...)
            }
            while line.last?.properties.isWhitespace == true { line.removeLast() }
            #expect(Array(text.firstLine.unicodeScalars) == line, "\(text.debugDescription)")
        }
    }

    @Test func cutsAnyTextWhereACharacterEnds() {
        for limit in -1...20 {
            let cut = "a🚀äö…b漢字z".truncated(toBytes: limit)
            #expect(cut.utf8.count <= max(0, limit) && cut.utf8.count > limit - 4 || cut.utf8.count == 19)
            #expect("a🚀äö…b漢字z".hasPrefix(cut))
        }
    }
}
