import Sluice
import Testing

@testable import SluiceGateway

struct TopViewTests {
    private func view(_ snapshot: Snapshot = StubSnapshot.shut(), _ keys: [TopView.Key] = []) -> TopView {
        var view = TopView()
        view.take(snapshot)
        for key in keys { _ = view.press(key) }
        return view
    }

    private func text(_ view: TopView, _ columns: Int = 100, _ lines: Int = 30) -> String {
        view.frame(columns: columns, lines: lines).map(\.text).joined(separator: "\n")
    }

    @Test(arguments: [(80, 24), (200, 60), (20, 4), (1, 1), (40, 10)], [false, true])
    func aFrameFillsTheScreenAndNoMore(_ size: (columns: Int, lines: Int), _ isOpen: Bool) {
        let names = (0..<50).map { "sink-\($0)-" + String(repeating: "x", count: 200) }
        let view = view(StubSnapshot.make(names), isOpen ? [.enter] : [])
        let frame = view.frame(columns: size.columns, lines: size.lines)
        #expect(frame.count == max(4, size.lines))
        #expect(frame.allSatisfy { $0.text.count <= max(20, size.columns) })
    }

    @Test func itSaysWhatIsWrongAndWhatMendsIt() {
        let text = text(view())
        #expect(text.contains("DEGRADED: slack: shut until 14:03:20 UTC: it answered http_429; 212 messages wait"))
        let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        #expect(words.contains("destinations.slack.throttle.rate is 1/s (sluice.yaml:14)"))
        #expect(text.contains("← slack") && text.contains("212"))
    }

    @Test func aBoxOpensToItsPolicyAndFailures() {
        let opened = view(StubSnapshot.shut(), [.end, .enter])
        let shown = text(opened)
        #expect(shown.contains("sinks.slack") && shown.contains("http_429: 3"))
        #expect(shown.contains("destinations.slack.throttle.rate") && shown.contains("sluice.yaml:14"))
        var closed = opened
        _ = closed.press(.escape)
        #expect(text(closed).contains("← grafana"))
    }

    @Test func keysSortFilterAndPause() {
        var view = view()
        _ = view.press(.character("s"))
        #expect(view.boxes.map(\.id) == ["sources.github", "queue", "sinks.slack", "sinks.grafana"])
        for character in "/graf" { _ = view.press(.character(character)) }
        #expect(view.boxes.map(\.id) == ["sinks.grafana"] && view.marked == "sinks.grafana")
        // While it is written, no key means anything else.
        #expect(view.press(.character("q")) == .none)
        _ = view.press(.escape)
        #expect(view.boxes.count == 4)
        _ = view.press(.character("p"))
        view.take(StubSnapshot.make())
        #expect(text(view).contains("PAUSED") && text(view).contains("DEGRADED"))
        _ = view.press(.character("p"))
        view.take(StubSnapshot.make())
        #expect(text(view).contains("WELL"))
        #expect(view.press(.character("q")) == .quit)
    }

    @Test func aGatewayThatIsGoneKeepsItsLastWord() {
        var view = TopView()
        view.fail("connection refused")
        #expect(text(view).contains("connection refused"))
        view.take(StubSnapshot.shut())
        view.fail("connection refused")
        #expect(text(view).contains("no answer: connection refused") && text(view).contains("DEGRADED"))
        view.take(StubSnapshot.make())
        #expect(!text(view).contains("no answer"))
    }

    @Test func whatComesFromOutsideMovesNoCursor() {
        var snapshot = StubSnapshot.make(["a\u{1B}[2Jb\u{202E}c\r\n"])
        snapshot.verdict.text = "x\u{1B}]0;owned\u{07}"
        for view in [view(snapshot), view(snapshot, [.end, .enter])] {
            #expect(!text(view).unicodeScalars.contains { ["\u{1B}", "\u{07}", "\r", "\u{202E}"].contains($0) })
        }
        #expect(
            !StatusText(snapshot).text.unicodeScalars.contains { ["\u{1B}", "\u{07}", "\r", "\u{202E}"].contains($0) })
    }

    @Test func theMarkedLineStaysOnTheScreen() {
        var view = view(StubSnapshot.make((0..<60).map { "s\($0)" }))
        for _ in 0..<40 { _ = view.press(.down) }
        let frame = view.frame(columns: 80, lines: 24)
        #expect(frame.contains { $0.style == .marked && $0.text.contains("s38") })
        // What is gone is marked no more.
        view.take(StubSnapshot.make(["s1"]))
        #expect(view.marked == "sources.github")
    }
}
