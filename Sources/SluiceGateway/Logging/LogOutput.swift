public import Logging
import Sluice
import Synchronization

/// Where the log goes: a file descriptor, one `write` a line, never two lines in one another, in the order in which they
/// were logged.
///
/// Logging never blocks, whatever becomes of the descriptor: a thread of its own writes what a bounded buffer holds. What
/// does not fit is dropped and counted, and the log says how many lines are missing as soon as it can be written again.
public final class LogOutput: Sendable {
    /// What happens beside the writing. Neither may log.
    public struct Observer: Sendable {
        /// Called for every line, also for one that is dropped.
        public var line: @Sendable (Logger.Level) -> Void = { _ in }
        /// Called for every line that is dropped, or that the descriptor refuses.
        public var dropped: @Sendable () -> Void = {}

        public init() {}
    }

    private let format: LogFormat
    private let core: LogWriterCore

    /// - Parameters:
    ///   - descriptor: where to write. Default: standard error.
    ///   - format: how a line is written. Default: `key=value`.
    ///   - maxLines: how many lines wait at most. An eighth is kept free for errors. Default: 8,192.
    ///   - maxBytes: how many bytes wait at most, in the same way. Default: 4 MiB.
    ///   - observer: counts lines.
    public init(
        descriptor: Int32 = 2, format: LogFormat = .text, maxLines: Int = 8_192, maxBytes: Int = 4 << 20,
        observer: Observer = Observer()
    ) {
        self.format = format
        core = LogWriterCore(
            BlockingDescriptor(number: descriptor), LogBuffer(maxLines: maxLines, maxBytes: maxBytes), format, observer)
    }

    /// What is buffered is still written, unless the process ends first.
    deinit {
        core.stop()
    }

    /// Waits until everything logged so far is written. Call it before the process ends.
    /// - Parameter limit: how long to block at most; a reader that has stopped must not keep the process.
    /// - Returns: whether everything is.
    @discardableResult
    public func flush(within limit: Duration = .seconds(1)) -> Bool {
        core.flush(until: MonotonicTime.now().advanced(by: limit))
    }

    func write(_ line: LogLine) {
        core.write(line.bytes(format), line.level)
    }
}
