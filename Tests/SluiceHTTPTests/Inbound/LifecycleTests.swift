import Logging
import ServiceLifecycle
import Sluice
import SluiceHTTP
import SluiceTesting
import Testing

@Suite struct LifecycleTests {
    private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    @Test func aTakenPortIsAClearError() async throws {
        try await withHarness { harness in
            var configuration = HTTPListener.Configuration()
            configuration.port = harness.port
            let second = try HTTPListener(configuration: configuration, logger: quiet)
            let error = await #expect(throws: HTTPListenerError.self) { try await second.run() }
            #expect(error?.description == "cannot listen on 127.0.0.1:\(harness.port): Address already in use")
            await #expect(throws: HTTPListenerError.self) { try await second.port() }
        }
    }

    /// As when another service of its group fails.
    @Test func aListenerThatIsCancelledComplainsOfNothing() async throws {
        let log = LogRecorder()
        let listener = try HTTPListener(port: 0, resources: [], logger: log.logger(at: .info))
        let running = Task { try await listener.run() }
        _ = try await listener.port()
        running.cancel()
        try? await running.value
        #expect(log.entries.allSatisfy { $0.level < .warning }, "\(log.text)")
    }

    @Test func configurationAndPathsAreChecked() async throws {
        var configuration = HTTPListener.Configuration()
        configuration.port = 70_000
        let error = #expect(throws: ConfigurationError.self) {
            try HTTPListener(configuration: configuration, logger: quiet)
        }
        #expect(error?.field == "HTTPListener.port")
        let listener = try HTTPListener(logger: quiet)
        let subscriber = try HTTPSubscriber(listener: listener, endpoints: [HTTPEndpoint("/a")])
        #expect(throws: HTTPListenerError.self) {
            try HTTPSubscriber(listener: listener, endpoints: [HTTPEndpoint("/a")])
        }
        await #expect(throws: HTTPListenerError.self) { try await subscriber.subscribe(to: "/b") }
        let subscription = try await subscriber.subscribe(to: "/a")
        await #expect(throws: HTTPListenerError.self) { try await subscriber.subscribe(to: "/a") }
        subscription.cancel()
        _ = try await subscriber.subscribe(to: "/a")
        await subscriber.close()
        await subscriber.close()
        await #expect(throws: ClosedError.self) { try await subscriber.subscribe(to: "/a") }
    }

    @Test func drainingAnswersWhatWaitsAndRefusesWhatComes() async throws {
        var configuration = HTTPListener.Configuration()
        configuration.port = 0
        configuration.drainLinger = .seconds(5)
        let listener = try HTTPListener(configuration: configuration, logger: quiet)
        let subscriber = try HTTPSubscriber(listener: listener, endpoints: [HTTPEndpoint("/in")])
        let subscription = try await subscriber.subscribe(to: "/in")
        let group = ServiceGroup(services: [listener], logger: quiet)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let port = try await listener.port()
            let waiting = try RawClient(port: port)
            let idle = try RawClient(port: port)
            let sending = try RawClient(port: port)
            let request = "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
            let other = "GET /no HTTP/1.1\r\nHost: x\r\n\r\n"
            try waiting.send(request + "\r\n1")
            try sending.send(request + "Expect: 100-continue\r\n\r\n")
            try await #expect(offPool { try sending.response() }?.status == 100)
            try idle.send(other)
            try await #expect(offPool { try idle.response() }?.status == 404)
            let deliveries = try await subscription.next() ?? []
            #expect(deliveries.count == 1)
            try await eventually { listener.openConnections == 3 }

            await group.triggerGracefulShutdown()
            let cut = try await offPool { try sending.response() }
            #expect(cut?.status == 503)
            #expect(cut?.headers["connection"] == "close")
            // Each connection hears of the drain on its own event loop: this one perhaps after the other.
            var refused: RawClient.Response?
            try await eventually("the idle connection is not drained") {
                try idle.send(other)
                refused = try await offPool { try idle.response() }
                return refused?.status != 404
            }
            #expect(refused?.status == 503)
            #expect(refused?.headers["connection"] == "close")
            for delivery in deliveries { delivery.acknowledge() }
            let answered = try await offPool { try waiting.response() }
            #expect(answered?.status == 202)
            #expect(answered?.headers["connection"] == "close")
            // Not at once: a process that another test starts holds our descriptors for a moment.
            try await eventually("connections are still accepted") { (try? RawClient(port: port)) == nil }
            for client in [waiting, idle, sending] { client.close() }
            try await tasks.waitForAll()
        }
        #expect(listener.openConnections == 0)
    }

    @Test func closingTheSubscriberAnswersWhatWaitsInIt() async throws {
        try await withHarness(settle: nil) { harness in
            let subscription = try await harness.subscriber.subscribe(to: "/in")
            async let answer = harness.post("1")
            try await eventually { subscription.count == 1 }
            await harness.subscriber.close()
            try await #expect(answer.status == 503)
            try await #expect(harness.post("2").status == 503)
            try await #expect(subscription.next() == nil)
        }
    }

    @Test func cancellationEndsTheListenerAtOnce() async throws {
        var configuration = HTTPListener.Configuration()
        configuration.port = 0
        let listener = try HTTPListener(configuration: configuration, logger: quiet)
        let running = Task { try await listener.run() }
        let port = try await listener.port()
        // Many, so that some have only just been accepted.
        let clients = try (0..<50).map { _ in try RawClient(port: port, timeout: 5) }
        try await eventually { listener.openConnections > 0 }
        running.cancel()
        try await running.value
        for client in clients { try await #expect(offPool { try client.isClosedByServer() }) }
        #expect(listener.openConnections == 0)
    }
}
