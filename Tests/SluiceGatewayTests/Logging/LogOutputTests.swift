import Foundation
import GatewayTestSupport
import Glibc
import Logging
import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

@Suite(.timeLimit(.minutes(10)))
struct LogOutputTests {
    private final class Counts: Sendable {
        let lines = Atomic(0)
        let dropped = Atomic(0)

        var observer: LogOutput.Observer {
            var observer = LogOutput.Observer()
            observer.line = { _ in self.lines.wrappingAdd(1, ordering: .relaxed) }
            observer.dropped = { self.dropped.wrappingAdd(1, ordering: .relaxed) }
            return observer
        }
    }

    private func logger(_ output: LogOutput) -> Logger {
        Logger(label: "l") { LineLogHandler(label: $0, output: output) }
    }

    private func number(_ line: String) -> Int? {
        line.split(separator: " ").first { $0.hasPrefix("number=") }.flatMap { Int($0.dropFirst("number=".count)) }
    }

    @Test func aReaderThatHasStoppedHoldsUpNothingAndLearnsWhatIsMissing() async throws {
        let (pipe, counts) = (Pipe(), Counts())
        let output = LogOutput(
            descriptor: pipe.fileHandleForWriting.fileDescriptor, maxLines: 800, observer: counts.observer)
        let logger = logger(output)
        let padding = String(repeating: "x", count: 1_000)
        // More than the pipe and the buffer hold.
        for number in 0..<3_000 { logger.info("m", metadata: ["number": "\(number)", "padding": "\(padding)"]) }
        let dropped = counts.dropped.load(ordering: .relaxed)
        #expect(dropped > 1_000 && dropped < 3_000)
        #expect(!output.flush(within: .milliseconds(1)))
        logger.critical("m", metadata: ["number": "3000"])
        #expect(counts.dropped.load(ordering: .relaxed) == dropped)

        // The reader goes on.
        let reader = try PipeReader(pipe)
        #expect(output.flush(within: .seconds(30)))
        logger.info("m", metadata: ["number": "3001"])
        #expect(output.flush(within: .seconds(30)))
        try pipe.fileHandleForWriting.close()
        let lines = await reader.lines()
        let numbers = lines.compactMap(number)
        #expect(numbers == numbers.sorted() && numbers.suffix(2) == [3_000, 3_001])
        #expect(numbers.count == 3_002 - dropped)
        // In the place where they are missing, which is before the critical line.
        let notes = lines.indices.filter { lines[$0].contains("lines are missing") }
        #expect(notes.count == 1 && lines[notes.first ?? 0].hasSuffix(" lines=\(dropped)"))
        #expect(notes.first == lines.count - 3)
        #expect(counts.lines.load(ordering: .relaxed) == 3_003)
    }

    @Test func linesAreMissedAlsoWhenNoneComesAfterThem() async throws {
        let (pipe, counts) = (Pipe(), Counts())
        let output = LogOutput(
            descriptor: pipe.fileHandleForWriting.fileDescriptor, maxLines: 80, observer: counts.observer)
        let logger = logger(output)
        let padding = String(repeating: "x", count: 1_000)
        for number in 0..<300 { logger.info("m", metadata: ["number": "\(number)", "padding": "\(padding)"]) }
        let reader = try PipeReader(pipe)
        #expect(output.flush(within: .seconds(30)))
        try pipe.fileHandleForWriting.close()
        let lines = await reader.lines()
        // More than one note where the thread that writes came late and made room once.
        let missing = lines.filter { $0.contains("lines are missing") }.compactMap {
            $0.split(separator: "=").last.flatMap { Int($0) }
        }
        #expect(lines.last?.contains("lines are missing") == true)
        #expect(missing.reduce(0, +) == counts.dropped.load(ordering: .relaxed))
        #expect(lines.count - missing.count == 300 - missing.reduce(0, +))
    }

    @Test func aDescriptorThatRefusesIsCountedAndToldOfLater() async throws {
        let (pipe, counts) = (Pipe(), Counts())
        // As a disk that is full for a while: the descriptor works only after the second line.
        let descriptor = dup(pipe.fileHandleForWriting.fileDescriptor)
        let saved = dup(pipe.fileHandleForReading.fileDescriptor)
        dup2(saved, descriptor)
        let output = LogOutput(descriptor: descriptor, observer: counts.observer)
        let logger = logger(output)
        for number in 0..<2 { logger.info("m", metadata: ["number": "\(number)"]) }
        #expect(output.flush(within: .seconds(30)))
        #expect(counts.dropped.load(ordering: .relaxed) == 2)
        dup2(pipe.fileHandleForWriting.fileDescriptor, descriptor)
        logger.info("m", metadata: ["number": "2"])
        #expect(output.flush(within: .seconds(30)))
        close(descriptor)
        close(saved)
        try pipe.fileHandleForWriting.close()
        let lines = try await PipeReader(pipe).lines()
        #expect(lines.count == 2 && lines.first?.hasSuffix(" lines=2") == true && lines.last?.hasSuffix("=2") == true)
    }

    @Test func aReaderThatIsGoneEndsNothing() throws {
        let (pipe, counts) = (Pipe(), Counts())
        try pipe.fileHandleForReading.close()
        let output = LogOutput(
            descriptor: pipe.fileHandleForWriting.fileDescriptor, observer: counts.observer)
        // The signal would end this process.
        logger(output).info("m")
        #expect(output.flush(within: .seconds(30)))
        #expect(counts.dropped.load(ordering: .relaxed) == 1)
    }

    @Test func aDescriptorThatDoesNotBlockGetsWholeLines() async throws {
        let pipe = Pipe()
        let descriptor = pipe.fileHandleForWriting.fileDescriptor
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        let output = LogOutput(descriptor: descriptor)
        let logger = logger(output)
        let padding = String(repeating: "x", count: 10_000)
        for number in 0..<100 { logger.info("m", metadata: ["number": "\(number)", "padding": "\(padding)"]) }
        let reader = try PipeReader(pipe)
        #expect(output.flush(within: .seconds(30)))
        try pipe.fileHandleForWriting.close()
        let lines = await reader.lines()
        #expect(lines.compactMap(number) == Array(0..<100))
        #expect(lines.allSatisfy { $0.hasSuffix(padding) })
    }
}
