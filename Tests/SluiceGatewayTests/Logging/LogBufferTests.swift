import Testing

@testable import SluiceGateway

struct LogBufferTests {
    /// Whether each of these lines was kept.
    private func append(_ count: Int = 1, of bytes: Int = 1, isGrave: Bool = false, to buffer: inout LogBuffer)
        -> [Bool]
    {
        (0..<count).map { _ in buffer.append(Array(repeating: 0x78, count: bytes), isGrave: isGrave) }
    }

    @Test func keepsTheOldestAndKnowsHowManyAreMissingBeforeTheNext() throws {
        var buffer = LogBuffer(maxLines: 16, maxBytes: 1 << 20)
        let kept = append(17, to: &buffer)
        #expect(kept == Array(repeating: true, count: 14) + [false, false, false])
        let entries = buffer.takeAll()
        #expect(entries.count == 14 && entries.allSatisfy { $0.missing == 0 })
        // What is being written still takes up room.
        let fourth = append(to: &buffer)
        #expect(fourth == [false])
        buffer.wrote(try #require(entries.first))
        let fifth = append(to: &buffer)
        #expect(fifth == [true])
        let next = buffer.takeAll()
        #expect(next.map(\.missing) == [4])
    }

    @Test func errorsHaveRoomWhereOtherLinesHaveNone() {
        var buffer = LogBuffer(maxLines: 16, maxBytes: 1 << 20)
        _ = append(20, to: &buffer)
        let errors = append(3, isGrave: true, to: &buffer)
        #expect(errors == [true, true, false])
        let entries = buffer.takeAll()
        #expect(entries.count == 16)
    }

    @Test func boundsBytesAsWellAsLines() {
        var buffer = LogBuffer(maxLines: 1_000, maxBytes: 800)
        let ordinary = append(of: 700, to: &buffer) + append(of: 1, to: &buffer)
        let grave = append(of: 100, isGrave: true, to: &buffer) + append(of: 1, isGrave: true, to: &buffer)
        #expect(ordinary == [true, false] && grave == [true, false])
        var other = LogBuffer(maxLines: 1_000, maxBytes: 800)
        let long = append(of: 801, isGrave: true, to: &other)
        #expect(long == [false])
    }

    @Test func isEmptyOnlyWhenWhatIsMissingHasBeenSaid() throws {
        var buffer = LogBuffer(maxLines: 8, maxBytes: 8_000)
        let kept = append(8, to: &buffer)
        #expect(kept.last == false)
        for entry in buffer.takeAll() { buffer.wrote(entry) }
        #expect(!buffer.isEmpty)
        let missing = buffer.takeMissing()
        #expect(missing == 1 && buffer.isEmpty)
    }
}
