import Foundation
import SluiceTestBrokers
import SluiceTesting
import Testing

/// The broker that the other tests rely on.
@Suite(.enabled(if: RabbitMQBroker.isInstalled, "needs rabbitmq-server (Debian: rabbitmq-server)"))
struct BrokerHarnessTests {
    @Test func keepsItsPortAndItsDataOverACrashAndLeavesNothingBehind() async throws {
        let (directory, process) = try await useBroker()
        try await isGone(process, directory.path)
    }

    @Test func leavesNothingBehindWhenItsProcessIsKilled() async throws {
        let note = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: note) }
        await #expect(processExitsWith: .signal(SIGKILL)) { [note = note as String] in
            let broker = try RabbitMQBroker()
            try await broker.start()
            let process = try #require(broker.processIdentifier)
            try "\(process) \(broker.directory.path)".write(toFile: note, atomically: true, encoding: .utf8)
            kill(getpid(), SIGKILL)
            // The broker must not have ended before.
            withExtendedLifetime(broker) {}
        }
        let words = try String(contentsOfFile: note, encoding: .utf8).split(separator: " ", maxSplits: 1)
        try await isGone(try #require(words.first.flatMap { Int32($0) }), String(try #require(words.last)))
    }

    private func isGone(_ process: Int32, _ directory: String) async throws {
        try await eventually("the broker is gone") { !isRunning(process) }
        try await eventually("its directory is gone") {
            !FileManager.default.fileExists(atPath: directory)
        }
    }

    /// A function of its own, so that nothing holds the broker when it has returned.
    private func useBroker() async throws -> (directory: URL, process: Int32) {
        let broker = try RabbitMQBroker()
        let port = broker.port
        try await broker.start()
        let first = try #require(broker.processIdentifier)
        try await broker.control("add_vhost", "kept")
        try await broker.restart()
        let second = try #require(broker.processIdentifier)
        let isKept = try await broker.control("list_vhosts").contains("kept")
        #expect(first != second && !isRunning(first) && broker.port == port && isKept)
        let refused = try? await broker.control("delete_queue", "none")
        #expect(refused == nil)
        return (broker.directory, second)
    }

    @Test func isStartedOnceForAll() async throws {
        async let one = RabbitMQBroker.shared()
        async let other = RabbitMQBroker.shared()
        #expect(try await one === other)
    }

    @Test func aToolThatFailsIsHeardToTheEnd() async throws {
        let script = "echo one; echo two >&2; seq 1 50000; echo last >&2; exit 3"
        let (status, output) = try await ToolRun.output(["/bin/sh", "-c", script])
        #expect(status == 3 && output.hasPrefix("one\ntwo\n1\n") && output.hasSuffix("50000\nlast\n"))
    }

    private func isRunning(_ process: Int32) -> Bool {
        FileManager.default.fileExists(atPath: "/proc/\(process)")
    }
}
