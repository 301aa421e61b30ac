public import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where the log goes: a file descriptor, one `write` a line, never two lines in one another.
public final class LogOutput: Sendable {
    private let descriptor: Int32
    private let format: LogFormat
    private let onLine: @Sendable (Logger.Level) -> Void
    private let lock = Mutex(())

    /// - Parameters:
    ///   - descriptor: where to write. Default: standard error.
    ///   - onLine: called for every line, also for one that cannot be written; counts `log_lines_total`. It must not
    ///     log.
    public init(
        descriptor: Int32 = 2, format: LogFormat = .text,
        onLine: @escaping @Sendable (Logger.Level) -> Void = { _ in }
    ) {
        self.descriptor = descriptor
        self.format = format
        self.onLine = onLine
    }

    func write(_ line: LogLine) {
        onLine(line.level)
        let bytes = line.bytes(format)
        lock.withLock { _ in
            var written = 0
            while written < bytes.count {
                let count = bytes.withUnsafeBytes { buffer in
                    system(descriptor, UnsafeRawBufferPointer(rebasing: buffer[written...]))
                }
                if count > 0 {
                    written += count
                } else if count == 0 || errno != EINTR {
                    // There is nobody to tell that the log cannot be written.
                    return
                }
            }
        }
    }

    private func system(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
            Glibc.write(descriptor, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
            Musl.write(descriptor, bytes.baseAddress, bytes.count)
        #else
            Darwin.write(descriptor, bytes.baseAddress, bytes.count)
        #endif
    }
}
