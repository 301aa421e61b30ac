import Foundation
import SluiceTestBrokers
import SluiceTesting
import Testing

/// The broker that the other tests rely on.
@Suite(.enabled(if: RabbitMQBroker.isInstalled, "needs rabbitmq-server (Debian: rabbitmq-server)"))
struct BrokerHarnessTests {
    @Test(.disabled("beside other brokers, the broker outlives its last reference: not understood yet"))
    func keepsItsPortAndItsDataOverACrashAndLeavesNothingBehind() async throws {
        let (directory, process) = try await useBroker()
        try await eventually("the broker and its directory are gone", within: .seconds(30)) {
            !isRunning(process) && !FileManager.default.fileExists(atPath: directory.path)
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

    private func isRunning(_ process: Int32) -> Bool {
        FileManager.default.fileExists(atPath: "/proc/\(process)")
    }
}
