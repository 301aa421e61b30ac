import Foundation
import GatewayTestSupport
import Glibc
import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

@Suite(.timeLimit(.minutes(10)))
struct ConsoleOutputTests {
    @Test func aReaderThatHasStoppedHoldsUpWhoWaitsUntilHeGivesUp() async throws {
        let pipe = Pipe()
        let (long, reader) = try await stop(pipe)
        try pipe.fileHandleForWriting.close()
        let text = await reader.all()
        #expect(text.suffix(2) == [0x32, 0x0A])
        #expect(!text.contains(0x31))
        #expect(text.count == long + 2)
    }

    /// An output of its own, which holds the pipe open.
    private func stop(_ pipe: Pipe) async throws -> (long: Int, reader: PipeReader) {
        let output = ConsoleOutput(descriptor: pipe.fileHandleForWriting.fileDescriptor)
        // More than the pipe holds.
        let long = [UInt8](repeating: 0x78, count: 1 << 20) + [0x0A]
        let first = Task { try await output.write(long) }
        try await eventually("the first line is begun") {
            var end = pollfd(
                fd: pipe.fileHandleForReading.fileDescriptor, events: Int16(truncatingIfNeeded: Int(POLLIN)), revents: 0
            )
            return poll(&end, 1, 0) == 1
        }
        let second = Task { try await output.write([0x31, 0x0A]) }
        let third = Task { try await output.write([0x32, 0x0A]) }
        for task in [first, second] {
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
        // The reader goes on: what was begun is finished, and what was given up in time is not written.
        let reader = try PipeReader(pipe)
        try await third.value
        return (long.count, reader)
    }

    /// Short lines are written where they are asked for, and never before one that waits.
    @Test func linesKeepTheirOrderWhicheverThreadWritesThem() async throws {
        let pipe = Pipe()
        let count = 3_000
        let reader = try await write(count, pipe)
        try pipe.fileHandleForWriting.close()
        let lines = await reader.lines()
        #expect(lines.map { Int($0.split(separator: " ")[0]) } == Array(0..<count))
    }

    private func write(_ count: Int, _ pipe: Pipe) async throws -> PipeReader {
        let output = ConsoleOutput(descriptor: pipe.fileHandleForWriting.fileDescriptor)
        let padding = String(repeating: "x", count: 200)
        let writing = Task {
            for number in 0..<count {
                // Every hundredth is too long to be written at once.
                let rest = number % 100 == 0 ? String(repeating: padding, count: 50) : padding
                try await output.write(Array("\(number) \(rest)\n".utf8))
            }
        }
        try await eventually("the pipe is full") { !Self.hasRoom(pipe.fileHandleForWriting.fileDescriptor) }
        let reader = try PipeReader(pipe)
        try await writing.value
        return reader
    }

    private static func hasRoom(_ descriptor: Int32) -> Bool {
        var end = pollfd(fd: descriptor, events: Int16(truncatingIfNeeded: Int(POLLOUT)), revents: 0)
        return poll(&end, 1, 0) == 1
    }

    @Test func aDescriptorThatRefusesIsAnErrorOfThatLine() async throws {
        let output = ConsoleOutput(descriptor: -1)
        await #expect(throws: (any Error).self) { try await output.write([0x0A]) }
        await #expect(throws: (any Error).self) { try await output.write([0x0A]) }
    }
}
