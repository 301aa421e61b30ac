import ArgumentParser
import Foundation
import Logging
import SluiceGateway
import UnixSignals

/// Standard input cannot be read.
private struct UnreadableInput: Error, CustomStringConvertible {
    let code: Int32

    var description: String { "standard input cannot be read: \(String(cString: strerror(code)))" }
}

/// What the tools have in common.
enum Tool {
    /// Runs `body`; an error is one line on standard error and exit status 1.
    static func run(_ body: () async throws -> Void) async throws {
        // Standard output is for messages alone.
        Logging.LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = .warning
            return handler
        }
        do {
            try await body()
        } catch {
            say("error: \(error)")
            throw ExitCode.failure
        }
    }

    /// One line for whoever looks on.
    static func say(_ line: String) {
        FileHandle.standardError.write(Data("\(line)\n".utf8))
    }

    /// The next bytes of standard input as soon as there are any, many at once where there are; empty at its end.
    static func read() throws -> [UInt8] {
        while true {
            var failure: Int32 = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: 256 << 10) { buffer, count in
                let result = Foundation.read(STDIN_FILENO, buffer.baseAddress, buffer.count)
                if result < 0 { failure = errno }
                count = max(0, result)
            }
            if failure == 0 { return bytes }
            if failure != EINTR { throw UnreadableInput(code: failure) }
        }
    }

    /// Cancels `body` at the first SIGINT or SIGTERM.
    static func untilSignal<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value
    {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        // Not the children of one group: a signal cancels the body alone, and nobody waits for the watch.
        let work = Task { try await body() }
        let watch = Task { for await _ in signals { work.cancel() } }
        defer { watch.cancel() }
        return try await work.value
    }
}

// What the options of several commands are read by.
extension Tool {
    static let address = ArgumentHelp("Where: \(BrokerAddress.forms).", valueName: "address")

    static func format(_ text: String) throws -> MessageFormat {
        guard let format = MessageFormat(rawValue: text) else { throw ValidationError("expected lines or json") }
        return format
    }

    static func start(_ text: String) throws -> ConsumeOptions.Start {
        guard let start = ConsumeOptions.Start(text) else {
            throw ValidationError("expected beginning, end, or an RFC 3339 time")
        }
        return start
    }
}
