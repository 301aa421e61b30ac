import Sluice
import Testing

@testable import SluiceGateway

/// YAML becomes values, strictly, and every fault has its place.
struct YAMLLayerTests {
    private struct Part: Sendable {
        var wait = Duration.seconds(1)
        var rate = 1.0
        var share = 0.2
        var count = 3
        var limit: Int? = 7
        var note: String?

        static let keys = YAMLMapping<Part>([
            YAMLKey("wait", \.wait, .positiveDuration, "How long"),
            YAMLKey("rate", \.rate, .rate, "How fast"),
            YAMLKey("share", \.share, .share(0...1, "0% to 100%"), "How much"),
            YAMLKey("count", \.count, .count(1...10), "How many"),
            YAMLKey("limit", \.limit, .optional(.count(from: 1), none: "never"), "At most"),
            YAMLKey("note", optional: \.note, .text("a text"), "A note"),
            .notYet("concurrency", "Later"),
        ])
    }

    private func read(_ text: String) -> (part: Part, faults: [String]) {
        var faults = YAMLFaults()
        var part = Part()
        if let root = YAMLDocument.read(text, &faults) { Part.keys.read(root, into: &part, &faults) }
        return (part, FileFaults(path: "f", faults: faults.all).faults.map(\.description))
    }

    @Test func readsEachKindOfValue() {
        let (part, faults) = read("{wait: 1m30s, rate: 30/m, share: 12.5%, count: 1_0, limit: never, note: 'a: b'}")
        #expect(faults.isEmpty)
        #expect(part.wait == .seconds(90))
        #expect(part.rate == 0.5)
        #expect(part.share == 0.125)
        #expect(part.count == 10)
        #expect(part.limit == nil)
        #expect(part.note == "a: b")
    }

    @Test func leavesAloneWhatIsNotSaid() {
        let (part, faults) = read("count: 5")
        #expect(faults.isEmpty)
        #expect(part.wait == .seconds(1))
        #expect(part.limit == 7)
        #expect(read("").faults.isEmpty)
        #expect(read("# nothing").faults.isEmpty)
    }

    @Test func tellsEveryFaultAtOnceInItsPlace() {
        let (_, faults) = read(
            """
            wait: 5 minutes
            rate: fast
            share: 0.2
            count: 11
            limit: 0
            concurrency: {limit: 4}
            note: [a]
            """)
        #expect(
            faults == [
                "1:7: expected a duration such as 100ms, 5s, 5m or 1h, more than 0",
                "2:7: expected a rate such as 1/s, 30/m or 1000/h, more than 0",
                "3:8: expected a share such as 20%, 0% to 100%",
                "4:8: expected a whole number, 1 to 10",
                "5:8: expected a whole number, from 1, or never",
                "6:14: concurrency is not supported yet",
                "7:7: expected a text, not a list",
            ])
    }

    @Test(arguments: [
        ("wiat: 5s", "1:1: the key wiat is not known here: was wait meant?"),
        ("cuont: 5", "1:1: the key cuont is not known here: was count meant?"),
        (
            "zzz: 5",
            "1:1: the key zzz is not known here; there are wait, rate, share, count, limit, note and concurrency"
        ),
        ("wait:", "1:1: expected a duration such as 100ms, 5s, 5m or 1h, more than 0, not nothing"),
        ("wait: {a: 5s}", "1:7: expected a duration such as 100ms, 5s, 5m or 1h, more than 0, not a mapping"),
        (
            "- wait",
            "1:1: expected a mapping with some of wait, rate, share, count, limit, note and concurrency, not a list"
        ),
        ("wait: -5s", "1:7: expected a duration such as 100ms, 5s, 5m or 1h, more than 0"),
        ("wait: 0s", "1:7: expected a duration such as 100ms, 5s, 5m or 1h, more than 0"),
        ("wait: 5s5s", "1:7: expected a duration such as 100ms, 5s, 5m or 1h, more than 0"),
        ("wait: 99999999999d", "1:7: expected a duration such as 100ms, 5s, 5m or 1h, more than 0"),
        ("count: 99999999999999999999", "1:8: expected a whole number, 1 to 10"),
        ("share: 101%", "1:8: expected a share such as 20%, 0% to 100%"),
        ("rate: 0/s", "1:7: expected a rate such as 1/s, 30/m or 1000/h, more than 0"),
        ("rate: 1/d", "1:7: expected a rate such as 1/s, 30/m or 1000/h, more than 0"),
        ("wait: 1s\ncount: 2\nwait: 2s", "3:1: the key wait stands twice"),
        ("{wait: 1s, wait: 2s}", "1:2: the key wait stands twice"),
        (
            "note: &a text\n",
            "1:7: anchors and aliases are not taken: write the value out where it is wanted"
        ),
        ("count: !!int 5", "1:8: tags are not taken: leave out what begins with !"),
        ("note: !secret x", "1:7: tags are not taken: leave out what begins with !"),
    ])
    func saysWhatIsWrongAndWhatWasProbablyMeant(text: String, fault: String) {
        #expect(read(text).faults.contains(fault), "\(read(text).faults)")
    }

    @Test(arguments: [
        "a: [", "a: {b: c", "a: b: c", "\ta: b", "a: 'x", "a: \"\\q\"", "--- a\n--- b", "*a", "? [a, b]\n: c",
        "%YAML 9.9\n--- a",
        "a: >= 3", "a: @b", "a: `b`", "\u{0}", "a: \u{7}b", String(repeating: "[", count: 5_000),
        String(repeating: "- ", count: 5_000), String(repeating: "{a: ", count: 2_000), "a:\n - b\n  - c\n- d",
    ])
    func refusesWhatIsNoYAMLWithAPlace(text: String) {
        let (_, faults) = read(text)
        #expect(!faults.isEmpty)
        #expect(faults.allSatisfy { $0.first?.isNumber == true })
    }

    @Test func anExpansionOfAliasesTakesNoTime() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...60 {
            text += "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", "))]\n"
        }
        #expect(read(text).faults.contains { $0.contains("anchors and aliases are not taken") })
    }

    @Test func aFaultShowsItsLineAndAMark() {
        var faults = YAMLFaults()
        faults.add("expected a duration", at: .init(line: 2, column: 7))
        let text = FileFaults(path: "x.yaml", faults: faults.all, text: "a: b\nwait: 5 minutes\n").description
        #expect(text == "x.yaml:2:7: expected a duration\n  2 | wait: 5 minutes\n    |       ^")
        let unprintable = FileFaults(path: "x.yaml", faults: faults.all, text: "a\nwait: \u{1B}[31m").description
        #expect(!unprintable.contains("\u{1B}"))
    }

    @Test(arguments: ["0s", "1ms", "100ms", "1.5s", "5s", "1m30s", "1h", "2d3h", "412.5ms"])
    func durationsComeBackAsTheyAreWritten(text: String) throws {
        #expect(DurationText.write(try #require(DurationText.parse(text))) == text)
    }

    @Test(arguments: ["1/s", "30/m", "0.5/s", "1000/h", "20/s"])
    func ratesComeBackTheSame(text: String) throws {
        let rate = try #require(RateText.parse(text))
        #expect(RateText.parse(RateText.write(rate)) == rate)
    }
}
