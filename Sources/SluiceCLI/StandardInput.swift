import Foundation
import Sluice
import Synchronization

/// Standard input as it comes, until a signal ends the reading.
final class StandardInput: Sendable {
    /// Standard input cannot be read further.
    private struct Unreadable: Error, CustomStringConvertible {
        let description: String
    }

    private let isInterrupted = Atomic<Bool>(false)
    private let signal: PollSignal
    private let taken = Atomic<Int64>(0)
    /// How many bytes there are to read; nil where it is no file.
    private let length: Int64?

    /// - Throws: when the system has no descriptor left.
    init() throws {
        signal = try PollSignal()
        var status = stat()
        let isFile = fstat(STDIN_FILENO, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        length = isFile ? max(0, Int64(status.st_size) - Int64(lseek(STDIN_FILENO, 0, SEEK_CUR))) : nil
    }

    /// From 0 to 1; nil where it is no file.
    var shareRead: Double? {
        guard let length, length > 0 else { return nil }
        return Double(taken.load(ordering: .relaxed)) / Double(length)
    }

    /// Ends a read that waits, and every later one.
    func interrupt() {
        isInterrupted.store(true, ordering: .releasing)
        signal.raise()
    }

    /// The next bytes as soon as there are any, many at once where there are; empty at the end.
    ///
    /// Blocks its thread while there is no input: nothing else wants it here.
    /// - Throws: an error that says why there is no more, also after ``interrupt()``: what has been read of a line is then
    ///   no line.
    func read() throws -> [UInt8] {
        while true {
            while !isInterrupted.load(ordering: .acquiring) {
                if signal.wait(for: STDIN_FILENO, writing: false, until: nil).canRead { break }
            }
            guard !isInterrupted.load(ordering: .acquiring) else {
                throw Unreadable(description: "ended by a signal before the end of the input")
            }
            var failure: Int32 = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: 256 << 10) { buffer, count in
                let result = Foundation.read(STDIN_FILENO, buffer.baseAddress, buffer.count)
                if result < 0 { failure = errno }
                count = max(0, result)
            }
            if failure == 0 {
                taken.wrappingAdd(Int64(bytes.count), ordering: .relaxed)
                return bytes
            }
            if failure != EINTR, failure != EAGAIN {
                throw Unreadable(description: "standard input cannot be read: \(String(cString: strerror(failure)))")
            }
        }
    }
}
