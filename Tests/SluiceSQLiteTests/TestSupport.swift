import Foundation
import Sluice
import Synchronization
import Testing

@testable import SluiceSQLite

/// A directory for one test, deleted with it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "sluice-sqlite-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    var log: String { path + "/log.sqlite" }

    func configuration() -> SQLiteLog.Configuration {
        SQLiteLog.Configuration(path: log)
    }

    func open() throws -> SQLiteLog {
        try SQLiteLog.open(configuration())
    }
}

/// Raised once, seen by all threads.
final class Flag: Sendable {
    private let state = Atomic<Bool>(false)

    var isRaised: Bool { state.load(ordering: .acquiring) }

    func raise() {
        state.store(true, ordering: .releasing)
    }
}

struct TimedOut: Error {}

/// Waits until the condition holds.
func eventually(
    within limit: Duration = .seconds(120), _ condition: () async throws -> Bool,
    sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        if ContinuousClock.now > deadline {
            Issue.record("the condition did not come true in time", sourceLocation: sourceLocation)
            throw TimedOut()
        }
        try await Task.sleep(for: .milliseconds(2))
    }
}

/// Fails instead of hanging.
func within<R: Sendable>(_ limit: Duration = .seconds(60), _ body: @escaping @Sendable () async throws -> R)
    async throws -> R
{
    try await withThrowingTaskGroup(of: R.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: limit)
            throw TimedOut()
        }
        defer { group.cancelAll() }
        guard let result = try await group.next() else { throw TimedOut() }
        return result
    }
}

extension Subscription {
    /// The next `count` deliveries, unsettled.
    func deliveries(_ count: Int) async throws -> [Delivery] {
        try await within {
            var deliveries: [Delivery] = []
            while deliveries.count < count, let batch = try await self.next(count - deliveries.count) {
                deliveries += batch
            }
            return deliveries
        }
    }

    /// Acknowledges the next `count` deliveries.
    @discardableResult
    func acknowledge(_ count: Int) async throws -> [Delivery] {
        let deliveries = try await deliveries(count)
        for delivery in deliveries { delivery.acknowledge() }
        return deliveries
    }
}

func message(_ text: String) -> Message {
    Message(payload: Array(text.utf8))
}

extension Message {
    var text: String { String(decoding: payload, as: UTF8.self) }
}

extension [Delivery] {
    var texts: [String] { map(\.message.text) }
}

/// Runs a program and gives its output.
@discardableResult
func shell(_ command: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", command]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
}
