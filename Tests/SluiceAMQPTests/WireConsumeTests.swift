import Foundation
import Logging
import Sluice
import SluiceAMQP
import SluiceTesting
import Testing

/// Brokers that break the protocol under a consumer: it says what is wrong, connects again, and goes on.
@Suite(.timeLimit(.minutes(10)))
struct WireConsumeTests {
    static let handshakes = [
        WireScenario("hangs up at once", .header, .close),
        WireScenario("resets the connection at once", .header, .reset),
        WireScenario("is a web server", .header, .send(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)).then(.close)),
        WireScenario("speaks another version", .header, .send(Array("AMQP".utf8) + [1, 1, 0, 9]).then(.close)),
        WireScenario("offers another version", .header, .send(AMQPBytes.start(major: 8, minor: 0))),
        WireScenario("takes no passwords", .header, .send(AMQPBytes.start(mechanisms: "EXTERNAL"))),
        WireScenario("sends half of a method", .header, .send(Array(AMQPBytes.start().prefix(20))).then(.close)),
        WireScenario(
            "announces a frame of 4 GiB", .header, .send(AMQPBytes.frame(1, [0, 10, 0, 10], size: .max))),
        WireScenario("ends a frame wrongly", .header, .send(AMQPBytes.frame(1, [0, 10, 0, 10, 0, 9], end: 0))),
        WireScenario("sends a frame of an unknown type", .header, .send(AMQPBytes.frame(77, []))),
        WireScenario("sends a method without a number", .header, .send(AMQPBytes.frame(1, [0]))),
        WireScenario("sends a method without arguments", .header, .send(AMQPBytes.method(10, 10))),
        WireScenario("sends an unknown method", .header, .send(AMQPBytes.method(99, 99, [1, 2, 3]))),
        WireScenario("begins with a message", .header, .send(AMQPBytes.header(0, size: 5) + AMQPBytes.body(0, [1]))),
        WireScenario(
            "has a table that is longer than its frame", .header, .send(AMQPBytes.start(properties: [0xFF, 0, 0, 0]))),
        WireScenario(
            "has a table with an unknown type", .header,
            .send(AMQPBytes.start(properties: AMQPBytes.table(AMQPBytes.entry("a", "?"))))),
        WireScenario("challenges", .startOk, .send(AMQPBytes.method(10, 20, AMQPBytes.long([1, 2])))),
        WireScenario("hangs up on the password", .startOk, .close),
        WireScenario("wants frames of one byte", .startOk, .send(AMQPBytes.tune(frame: 1))),
        WireScenario("sends half of its limits", .startOk, .send(AMQPBytes.method(10, 30, [0, 1, 0]))),
        WireScenario("begins anew", .startOk, .send(AMQPBytes.start())),
        WireScenario("opens with a queue", .open, .send(AMQPBytes.method(50, 11, AMQPBytes.short("q") + [0, 0, 0]))),
        WireScenario("closes instead of opening", .open, .send(AMQPBytes.connectionClose(541, "INTERNAL_ERROR"))),
    ]

    static let channels = [
        WireScenario("hangs up on a channel", .openChannel, .close),
        WireScenario("resets on a channel", .openChannel, .reset),
        WireScenario(
            "closes the channel", .openChannel, .reply { channel, _ in AMQPBytes.channelClose(channel, 504, "no") }),
        WireScenario(
            "answers for another channel", .openChannel,
            .reply { channel, _ in AMQPBytes.method(20, 11, channel: channel &+ 900, [0, 0, 0, 0]) }),
        WireScenario(
            "answers another question", .declareQueue,
            .reply { channel, _ in AMQPBytes.method(40, 11, channel: channel) }),
        WireScenario(
            "sends half of an answer", .declareQueue,
            .reply { channel, _ in AMQPBytes.method(50, 11, channel: channel, AMQPBytes.short("q") + [0]) }),
        WireScenario(
            "closes the connection", .declareQueue, .send(AMQPBytes.connectionClose(320, "CONNECTION_FORCED"))),
        WireScenario("hangs up on a consumer", .consume, .close),
    ]

    static let deliveries = [
        WireScenario("sends garbage") { _, _ in Array(repeating: 0x5A, count: 4_096) },
        WireScenario("sends zeros") { _, _ in Array(repeating: 0, count: 4_096) },
        WireScenario("delivers half of a method") { channel, _ in
            AMQPBytes.method(60, 60, channel: channel, [200, 1, 2])
        },
        WireScenario("sends a head without a delivery") { channel, _ in AMQPBytes.header(channel, size: 4) },
        WireScenario("sends a body without a head") { channel, _ in AMQPBytes.body(channel, [1, 2, 3]) },
        WireScenario("sends a body without a head, behind a delivery") { channel, consumer in
            AMQPBytes.deliver(channel, consumer: consumer, tag: 1) + AMQPBytes.body(channel, [1, 2, 3])
        },
        WireScenario("delivers within a delivery") { channel, consumer in
            AMQPBytes.deliver(channel, consumer: consumer, tag: 1)
                + AMQPBytes.deliver(channel, consumer: consumer, tag: 2)
        },
        WireScenario("sends a head within a body") { channel, consumer in
            AMQPBytes.deliver(channel, consumer: consumer, tag: 1) + AMQPBytes.header(channel, size: 10)
                + AMQPBytes.body(channel, [1, 2]) + AMQPBytes.header(channel, size: 10)
        },
        WireScenario("sends a larger body than announced") { channel, consumer in
            AMQPBytes.deliver(channel, consumer: consumer, tag: 1) + AMQPBytes.header(channel, size: 3)
                + AMQPBytes.body(channel, Array(repeating: 7, count: 1_000))
        },
        WireScenario("announces a body of 16 EiB") { channel, consumer in
            AMQPBytes.deliver(channel, consumer: consumer, tag: 1) + AMQPBytes.header(channel, size: .max)
        },
        WireScenario("announces a body of 8 EiB and begins it") { channel, consumer in
            AMQPBytes.deliver(channel, consumer: consumer, tag: 1) + AMQPBytes.header(channel, size: 1 << 63)
                + AMQPBytes.body(channel, Array(repeating: 7, count: 1_000))
        },
        WireScenario("sends a head of another class") { channel, consumer in
            AMQPBytes.deliver(channel, consumer: consumer, tag: 1) + AMQPBytes.header(channel, size: 0, family: 10)
        },
        WireScenario("sends half of a head") { channel, consumer in
            AMQPBytes.deliver(channel, consumer: consumer, tag: 1)
                + AMQPBytes.frame(2, channel: channel, [0, 60, 0, 0, 0])
        },
        WireScenario("sends a frame for a channel that was never opened") { _, consumer in
            AMQPBytes.delivery(1_999, consumer: consumer, tag: 1, [1])
        },
        WireScenario("sends a message for the connection itself") { _, consumer in
            AMQPBytes.delivery(0, consumer: consumer, tag: 1, [1])
        },
        WireScenario("says an unknown method") { channel, _ in AMQPBytes.method(60, 99, channel: channel, [1, 2, 3]) },
        WireScenario("sends a frame that is larger than agreed") { channel, _ in
            AMQPBytes.frame(3, channel: channel, Array(repeating: 1, count: 200_000))
        },
        WireScenario("closes the channel") { channel, _ in AMQPBytes.channelClose(channel, 406, "PRECONDITION_FAILED")
        },
        WireScenario("closes the connection") { _, _ in AMQPBytes.connectionClose(320, "CONNECTION_FORCED") },
        WireScenario("sends half of a close") { _, _ in AMQPBytes.method(10, 50, [1, 64, 99, 1]) },
        WireScenario("ends the consumer") { channel, consumer in
            AMQPBytes.method(60, 30, channel: channel, AMQPBytes.short(consumer) + [1])
        },
    ]

    /// Properties that no client can read, as a publisher may have written them, in frames that are whole.
    static let unreadable = [
        WireScenario("has flags for properties that are not there") { channel, consumer in
            AMQPBytes.deliver(channel, consumer: consumer, tag: 1)
                + AMQPBytes.header(channel, size: 0, properties: [0xFF, 0xFC])
        },
        WireScenario("has flags without end") { channel, consumer in
            AMQPBytes.deliver(channel, consumer: consumer, tag: 1)
                + AMQPBytes.header(channel, size: 0, properties: Array(repeating: 0xFF, count: 1_000))
        },
        WireScenario("has headers that are longer than their frame") { channel, consumer in
            AMQPBytes.deliver(channel, consumer: consumer, tag: 1)
                + AMQPBytes.header(channel, size: 0, properties: AMQPBytes.headers([0x7F, 0xFF, 0xFF, 0xFF]))
        },
        WireScenario("has a header that is longer than the headers") { channel, consumer in
            AMQPBytes.deliver(channel, consumer: consumer, tag: 1)
                + AMQPBytes.header(
                    channel, size: 0,
                    properties: AMQPBytes.headers(AMQPBytes.table(AMQPBytes.entry("a", "S", [0xFF, 0xFF, 0xFF, 0xFF]))))
        },
        WireScenario("has a header of an unknown type") { channel, consumer in
            AMQPBytes.deliver(channel, consumer: consumer, tag: 1)
                + AMQPBytes.header(
                    channel, size: 0, properties: AMQPBytes.headers(AMQPBytes.table(AMQPBytes.entry("a", "?"))))
        },
    ]

    @Test(arguments: handshakes + channels)
    func connectsAgainWhenTheBroker(_ scenario: WireScenario) async throws {
        try await run(scenario)
    }

    @Test(arguments: deliveries)
    func connectsAgainWhenTheBrokerInsteadOfAMessage(_ scenario: WireScenario) async throws {
        let staysConnected = ["ends the consumer", "closes the channel"].contains(scenario.testDescription)
        try await run(scenario, reconnects: !staysConnected)
    }

    /// The message is at fault, not the connection: it goes through the route as one that cannot be read.
    @Test(arguments: unreadable)
    func deliversAsAFailureAMessageThat(_ scenario: WireScenario) async throws {
        let server = try FakeAMQPServer(scenario.acts)
        let subscriber = try Self.subscriber(server, LogRecorder())
        let subscription = try await subscriber.subscribe(to: "t")
        let delivery = try await subscription.first()
        #expect((delivery.origin.failure as? AMQPError)?.code == .undecodable)
        #expect(Disposition(of: try #require(delivery.origin.failure)).isPermanent)
        #expect(server.connectionCount == 1)
        delivery.acknowledge()
        await subscriber.close()
    }

    /// Nothing more comes, although the connection stands: heartbeats tell.
    @Test(arguments: [
        WireScenario("the header", .header, .silence), WireScenario("the password", .startOk, .silence),
        WireScenario("the channel", .openChannel, .silence), WireScenario("the queue", .declareQueue, .silence),
        WireScenario("the consumer", .consume, .answer { _, _ in [] }.then(.silence)),
    ])
    func connectsAgainWhenTheBrokerFallsSilentAt(_ scenario: WireScenario) async throws {
        try await run(scenario)
    }

    /// Nothing of it is an error.
    @Test func takesWhatIsUnusual() async throws {
        let server = try FakeAMQPServer(
            [
                .startOk: .send(AMQPBytes.heartbeat + AMQPBytes.tune(channels: 0, frame: 0, heartbeat: 0)),
                .open: .send(AMQPBytes.method(10, 41, AMQPBytes.short("what once was known hosts"))),
                .consume: .answer { channel, consumer in
                    AMQPBytes.heartbeat
                        + AMQPBytes.method(10, 60, AMQPBytes.short("low on memory")) + AMQPBytes.method(10, 61)
                        + AMQPBytes.deliver(channel, consumer: consumer, tag: 1)
                        + AMQPBytes.header(channel, size: 5) + AMQPBytes.heartbeat + AMQPBytes.body(channel, [0x66])
                        + AMQPBytes.heartbeat + AMQPBytes.body(channel, [])
                        + AMQPBytes.body(channel, [0x69, 0x6E, 0x65, 0x21])
                        + AMQPBytes.delivery(channel, consumer: consumer, tag: 2, [])
                },
            ])
        let log = LogRecorder()
        let subscriber = try Self.subscriber(server, log)
        let subscription = try await subscriber.subscribe(to: "t")
        let first = try await subscription.first()
        #expect(first.message.payload == Array("fine!".utf8))
        #expect(try await subscription.first().message.payload == [])
        #expect(server.connectionCount == 1)
        await subscriber.close()
    }

    /// Nothing else would wake the thread: there are no heartbeats, and nothing is delivered.
    @Test func seesWhatIsWantedOfItWhileItWaitsForAnAnswer() async throws {
        let gate = DispatchSemaphore(value: 0)
        let server = try FakeAMQPServer([
            .declareQueue: .act { connection in
                gate.wait()
                connection.answer()
            }
        ])
        var configuration = try Self.configuration(server)
        configuration.heartbeat = .zero
        configuration.requestTimeout = .seconds(60)
        let subscriber = try AMQPSubscriber(configuration, logger: LogRecorder().logger)
        let first = Task { try await subscriber.subscribe(to: "first") }
        try await eventually("the question") { server.methods.contains(.declareQueue) }
        let second = Task { try await subscriber.subscribe(to: "second") }
        // Long enough for it to be asked for, while the thread waits for an answer.
        try await Task.sleep(for: .milliseconds(200))
        for _ in 0..<2 { gate.signal() }
        try await eventually("both are read") { server.methods.count { $0 == .consume } == 2 }
        for subscribing in [first, second] { _ = try await subscribing.value }
        await subscriber.close()
    }

    /// Deliveries are rejected one after the other while the thread already gives them back: none may stay behind,
    /// because its channel would stay open, and no other consumer would ever get it.
    @Test func givesBackEverythingWhenItsSubscriptionIsCancelled() async throws {
        let count = 250
        let server = try FakeAMQPServer(
            [
                .consume: .act { connection in
                    connection.answer()
                    let (channel, consumer) = (connection.channel, connection.consumer)
                    connection.send(
                        (1...count).flatMap { AMQPBytes.delivery(channel, consumer: consumer, tag: UInt64($0), [7]) })
                }
            ], spoiled: .max)
        let subscriber = try Self.subscriber(server, LogRecorder())
        for round in 1...50 {
            let subscription = try await subscriber.subscribe(to: "t")
            try await eventually("every delivery") { subscription.count == count }
            subscription.cancel()
            try await eventually("the channel is closed, \(round)") {
                server.methods.count { $0 == .method(20, 40) } == round
            }
        }
        await subscriber.close()
    }

    private func run(_ scenario: WireScenario, reconnects: Bool = true) async throws {
        let server = try FakeAMQPServer(scenario.acts, delivers: Array("fine".utf8))
        let log = LogRecorder()
        let subscriber = try Self.subscriber(server, log)
        var subscription: Subscription?
        var delivery: Delivery?
        try await eventually("a message after all; the log: \(log.text)") {
            do {
                if subscription == nil { subscription = try await subscriber.subscribe(to: "t") }
                delivery = try subscription?.take(1)?.first
                if subscription?.isEnded == true { subscription = nil }
            } catch let error as AMQPError {
                log.logger.warning("thrown", metadata: ["error": "\(error)"])
                subscription = nil
            }
            return delivery != nil
        }
        #expect(delivery?.message.payload == Array("fine".utf8))
        delivery?.acknowledge()
        if reconnects {
            #expect(server.connectionCount >= 2)
            #expect(log.lines.contains { $0.hasPrefix("warning") && $0.contains("error=amqp: ") }, "\(log.text)")
        } else {
            // What ended the consumer may have deleted the queue.
            #expect(server.methods.count { $0 == .declareQueue } >= 2)
        }
        #expect(!log.text.contains("s3cret"))
        await subscriber.close()
    }

    static func configuration(_ server: FakeAMQPServer) throws -> AMQPConfiguration {
        var configuration = try AMQPConfiguration(uri: "amqp://user:s3cret@127.0.0.1:\(server.port)/")
        configuration.reconnect = .exponential(from: .milliseconds(1), upTo: .milliseconds(5))
        configuration.connectTimeout = .seconds(1)
        configuration.requestTimeout = .seconds(1)
        configuration.heartbeat = .seconds(1)
        return configuration
    }

    static func subscriber(_ server: FakeAMQPServer, _ log: LogRecorder) throws -> AMQPSubscriber {
        try AMQPSubscriber(configuration(server), logger: log.logger)
    }
}

extension WireScenario {
    /// What comes instead of a delivery, from a broker that has let the consumer in.
    fileprivate init(
        _ name: String, delivers make: @escaping @Sendable (_ channel: UInt16, _ consumer: String) -> [UInt8]
    ) {
        self.init(name, .consume, .answer(then: make))
    }
}
