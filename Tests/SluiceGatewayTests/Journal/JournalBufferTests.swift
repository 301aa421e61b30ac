import Sluice
import Testing

@testable import SluiceGateway

@Suite struct JournalBufferTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)
    private let buffer: JournalBuffer

    init() { buffer = JournalBuffer(capacity: 100, rate: 1_000, signal: ThreadSignal(), at: start) }

    private func add(_ count: Int, _ result: AttemptResult = .success, attempt: Int = 1) {
        for _ in 0..<count {
            buffer.add(
                AttemptEnd(
                    route: 0, message: MessageID(), attempt: attempt, arrival: start, start: start, end: start,
                    result: result))
        }
    }

    private func take(after milliseconds: Int64) -> (kept: Int, dropped: Int) {
        var batch = JournalBuffer.Batch()
        let dropped = buffer.take(into: &batch, at: start.advanced(by: .milliseconds(milliseconds)))
        return (batch.count, dropped)
    }

    @Test func successesAreBoundedInTheirRate() {
        add(100)
        #expect(take(after: 10) == (100, 0))
        // Ten milliseconds at 1,000 a second.
        add(25)
        #expect(take(after: 20) == (10, 15))
        add(5)
        #expect(take(after: 1_000) == (5, 0))
        // A time without any counts for as much as the buffer holds.
        add(150)
        #expect(take(after: 1_010) == (100, 50))
    }

    @Test func whatDidNotSucceedAtOnceIsKeptWhileSuccessesAreDropped() {
        add(100)
        _ = take(after: 0)
        add(40)
        add(30, .failure)
        add(20, attempt: 2)
        #expect(take(after: 1) == (50, 40))
    }

    @Test func aMomentThatIsTooShortForOneIsCountedTheNextTime() {
        add(100)
        _ = take(after: 0)
        var batch = JournalBuffer.Batch()
        for tenth in 1...10 { _ = buffer.take(into: &batch, at: start.advanced(by: .microseconds(tenth * 100))) }
        add(2)
        #expect(take(after: 2) == (1, 1))
    }

    /// The thread that writes must not sleep over it: nothing else would allow the next.
    @Test func itIsNotEmptyWhileSuccessesAreDropped() {
        #expect(buffer.isEmpty)
        add(100)
        var batch = JournalBuffer.Batch()
        _ = buffer.take(into: &batch, at: start)
        #expect(!buffer.isEmpty)
        _ = take(after: 1)
        #expect(buffer.isEmpty)
    }
}
