import Sluice
import Synchronization
import Testing

@testable import SluiceGateway

@Suite struct ProgressBarTests {
    /// A terminal of 60 columns, and a clock that stands still.
    private final class Screen: Sendable {
        private let state = Mutex((time: MonotonicTime(nanoseconds: 1), text: ""))
        let columns: Int?

        init(columns: Int? = 60) {
            self.columns = columns
        }

        var text: String { state.withLock(\.text) }

        func pass(_ duration: Duration) {
            state.withLock { $0.time = $0.time.advanced(by: duration) }
        }

        private var line: TerminalLine {
            let columns = columns
            return TerminalLine(traits: { TerminalTraits(columns: columns, lines: columns, environment: [:]) }) {
                bytes in
                self.state.withLock { $0.text += String(decoding: bytes, as: UTF8.self) }
            }
        }

        func bar(_ unit: ProgressUnit = .messages, total: Int64? = nil, done: Int64 = 0) -> (ProgressBar, TerminalLine)
        {
            let line = line
            return (
                ProgressBar(
                    "exporting", unit: unit, total: total, done: done, on: line,
                    now: { self.state.withLock(\.time) }),
                line
            )
        }
    }

    @Test func whatTakesASecondAtMostShowsNothing() {
        let screen = Screen()
        let (bar, _) = screen.bar(total: 10)
        screen.pass(.milliseconds(999))
        bar.add(10)
        bar.finish()
        #expect(screen.text.isEmpty)
    }

    @Test func showsCountShareRateAndTimeLeft() {
        let screen = Screen(columns: 100)
        let (bar, _) = screen.bar(total: 10_000)
        screen.pass(.seconds(2))
        bar.add(4_200)
        #expect(
            screen.text
                == "\rexporting  [############------------------]   42 %  4,200 of 10,000 messages  2100/s  3 s left\u{1B}[K"
        )
    }

    @Test func saysHowLongItHasTakenWhereTheTotalIsNotKnown() {
        let screen = Screen()
        let (bar, _) = screen.bar(.bytes)
        screen.pass(.seconds(4))
        bar.update(8 << 20)
        #expect(screen.text == "\rexporting  8 MiB  2 MiB/s  4 s\u{1B}[K")
    }

    @Test func countsWhatWasDoneBeforeForTheShareAndNotForTheRate() {
        let screen = Screen()
        let (bar, _) = screen.bar(total: 100, done: 50)
        screen.pass(.seconds(5))
        bar.add(10)
        #expect(screen.text.contains(" 60 %  60 of 100 messages  2/s  20 s left"))
    }

    @Test func takesAShareThatIsKnownInAnotherWay() {
        let screen = Screen(columns: 100)
        let (bar, _) = screen.bar()
        screen.pass(.seconds(3))
        bar.update(7, share: 0.75)
        #expect(screen.text.contains(" 75 %  7 messages  2.3/s  1 s left"))
    }

    @Test func isShownTenTimesASecondAtMost() {
        let screen = Screen()
        let (bar, _) = screen.bar(total: 1_000)
        screen.pass(.seconds(1))
        for _ in 0..<100 {
            bar.add(1)
            screen.pass(.milliseconds(10))
        }
        #expect(screen.text.count { $0 == "\r" } == 10)
    }

    @Test(arguments: [0, 1, 20, 40, 79, 80, 81, 200]) func neverFillsALineOfTheTerminal(columns: Int) {
        let screen = Screen(columns: columns)
        let (bar, _) = screen.bar(total: .max)
        screen.pass(.seconds(90_000))
        bar.update(.max / 2)
        #expect(screen.text.dropFirst().dropLast(3).count <= max(0, columns - 1), "\(screen.text)")
    }

    @Test func isRemovedAtItsEndAndBeforeWhatElseIsWritten() {
        let screen = Screen()
        let (bar, line) = screen.bar()
        screen.pass(.seconds(1))
        bar.add(1)
        let drawn = screen.text.count
        line.writing {}
        #expect(screen.text.dropFirst(drawn) == "\r\u{1B}[K")
        line.writing {}
        #expect(screen.text.dropFirst(drawn) == "\r\u{1B}[K", "it is gone already")
        screen.pass(.seconds(1))
        bar.add(1)
        bar.finish()
        #expect(screen.text.hasSuffix("\u{1B}[K\r\u{1B}[K"))
        let ended = screen.text
        screen.pass(.seconds(1))
        bar.add(1)
        bar.finish()
        #expect(screen.text == ended)
    }

    @Test func showsNothingWhereThereIsNoTerminal() {
        let screen = Screen(columns: nil)
        let (bar, _) = screen.bar(total: 10)
        screen.pass(.seconds(5))
        bar.add(5)
        bar.finish()
        #expect(screen.text.isEmpty)
    }

    @Test(
        arguments: [
            (0, nil, "0"), (5, 7, "5 of 7"), (999, nil, "999"), (1_000, 1_000_000, "1,000 of 1,000,000"),
            (-1_234, nil, "-1,234"), (.min, nil, "-9,223,372,036,854,775,808"),
        ] as [(Int64, Int64?, String)])
    func writesThousandsApart(done: Int64, total: Int64?, text: String) {
        #expect(ProgressUnit.messages.amount(done, of: total) == "\(text) messages")
    }
}
