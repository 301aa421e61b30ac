import Logging
import Sluice
import SluiceHTTP
import SluiceTesting
import Testing

@testable import SluiceGateway

/// When the port of the webhooks opens.
struct IntakeDoorTests {
    private func withDoor(
        patience: Duration, _ body: (IntakeDoor, HTTPListener) async throws -> Void
    ) async throws {
        var configuration = HTTPListener.Configuration()
        configuration.host = "127.0.0.1"
        configuration.port = 0
        let listener = try HTTPListener(configuration: configuration, logger: Logger(label: "test"))
        let paths = ["/webhooks/one", "/webhooks/two"]
        let subscriber = try HTTPSubscriber(listener: listener, endpoints: paths.map { HTTPEndpoint($0) })
        let door = IntakeDoor(listener, subscriber, awaiting: Set(paths.map { Topic($0) }), patience: patience)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await door.run() }
            try await body(door, listener)
            group.cancelAll()
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func thePortOpensOnceEveryPathIsRead() async throws {
        try await withDoor(patience: .seconds(3_600)) { door, listener in
            let first = try await door.subscriber.subscribe(to: "/webhooks/one")
            // Another, which does not wait for long, has opened meanwhile.
            try await withDoor(patience: .milliseconds(200)) { _, other in _ = try await other.port() }
            #expect(!listener.isListening)
            let second = try await door.subscriber.subscribe(to: "/webhooks/two")
            let port = try await listener.port()
            #expect(port > 0)
            for subscription in [first, second] { subscription.cancel() }
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func thePortOpensWithoutThemWhenThatTakesLong() async throws {
        try await withDoor(patience: .milliseconds(1)) { _, listener in
            let port = try await listener.port()
            #expect(port > 0)
        }
    }
}
