import ArgumentParser
import Foundation
import Logging
import SluiceGateway
import UnixSignals

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
