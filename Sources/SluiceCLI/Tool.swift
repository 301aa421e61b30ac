import ArgumentParser
import Foundation
import Logging
import SluiceGateway
import Synchronization
import UnixSignals

/// What the tools have in common.
enum Tool {
    /// Standard output is closed.
    private struct UnwritableOutput: Error, CustomStringConvertible {
        let code: Int32

        var description: String { "standard output cannot be written: \(String(cString: strerror(code)))" }
    }

    /// Whether log lines are shown. What ends the tool is its error, which says the same.
    private static let showsLog = Atomic<Bool>(false)

    /// From now on nothing else tells of troubles.
    static func showLog() { showsLog.store(true, ordering: .relaxed) }

    /// Runs `body`; an error is one line on standard error, and an exit status.
    /// - Parameter isOurFile: whether a log's file is the gateway's own (``ExitStatus/of(_:isOurFile:)``).
    static func run(isOurFile: Bool = true, _ body: () async throws -> Void) async throws {
        // A reader that has seen enough closes its end of the pipe: writing fails then, and ends nothing by itself.
        signal(SIGPIPE, SIG_IGN)
        // Standard output is for messages alone.
        // Times are told in UTC, as everywhere.
        setenv("TZ", "UTC", 1)
        tzset()
        Logging.LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler(label: label, stream: LogStream())
            handler.logLevel = .warning
            return handler
        }
        do {
            try await body()
        } catch let error as UnwritableOutput where error.code == EPIPE {
            // As the signal would have ended it, which needs no explanation.
            throw ExitCode(128 + SIGPIPE)
        } catch let code as ExitCode {
            // What is wrong has been said.
            throw code
        } catch {
            say("error: \(error)")
            let isOutput = error is UnwritableOutput
            throw ExitCode(isOutput ? ExitStatus.cannotWrite : ExitStatus.of(error, isOurFile: isOurFile))
        }
    }

    private struct LogStream: TextOutputStream, Sendable {
        func write(_ string: String) {
            guard showsLog.load(ordering: .relaxed) else { return }
            // As RFC 3339 writes UTC.
            let line = string.replacing("+0000", with: "Z", maxReplacements: 1)
            TerminalLine.standardError.writing { try? Tool.write(Array(line.utf8), to: STDERR_FILENO) }
        }
    }

    /// One line for the person at the terminal.
    static func say(_ line: String) {
        // What cannot be said does not end the work.
        TerminalLine.standardError.writing { try? write(Array("\(line)\n".utf8), to: STDERR_FILENO) }
    }

    /// Writes all of the bytes to standard output.
    static func write(_ bytes: [UInt8]) throws {
        var outcome = Result<Void, UnwritableOutput>.success(())
        // The same terminal may show both.
        TerminalLine.standardError.writing {
            outcome = Result { () throws(UnwritableOutput) in try write(bytes, to: STDOUT_FILENO) }
        }
        try outcome.get()
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) throws(UnwritableOutput) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            guard count < 0 else {
                rest = rest.dropFirst(count)
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                // The descriptor was given as one that never blocks; the messages have to wait all the same.
                var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&wait, 1, -1)
            case let code: throw UnwritableOutput(code: code)
            }
        }
    }

    /// Cancels `body` at the first SIGINT or SIGTERM. A second one ends the program at once.
    /// - Parameter onSignal: what else ends the body.
    static func untilSignal<Value: Sendable>(
        onSignal: @escaping @Sendable () -> Void = {}, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        // Not the children of one group: a signal cancels the body alone, and the watch goes on until the program ends.
        let work = Task { try await body() }
        Task {
            var count = 0
            for await _ in signals {
                count += 1
                if count > 1 { _exit(130) }
                onSignal()
                work.cancel()
            }
        }
        return try await work.value
    }
}
