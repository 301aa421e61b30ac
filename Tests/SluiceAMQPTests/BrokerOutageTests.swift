import Foundation
import Sluice
import SluiceAMQP
import SluiceTestBrokers
import SluiceTesting
import Testing

/// A broker that is away, blocked, stuck, a stranger, or used by people who close and delete things.
@Suite(
    .serialized, .enabled(if: RabbitMQBroker.isInstalled, "needs rabbitmq-server (Debian's package)"),
    .timeLimit(.minutes(10)))
struct BrokerOutageTests {
    private static let own = BreakableBroker()

    @Test func aBrokerThatIsAbsentAtTheStartIsWaitedFor() async throws {
        let (amqp, broker) = try await Self.own.use(isRunning: false)
        let topic = amqp.uniqueTopic("absent")
        let log = LogRecorder()
        var options = AMQPPublisher.Configuration()
        // The broker is started meanwhile, beside others.
        options.publishTimeout = .seconds(120)
        let publisher = try amqp.publisher(options: options, log: log)
        let handled = HandledMessages()
        let router = Router()
        try router.add(
            Route("absent", from: try amqp.subscriber(log: log), topic) { message, _ in handled.add(message.id) })
        let running = Task { try await router.run() }
        let message = Message(payload: [1])
        let publishing = Task { try await publisher.publish([message], to: topic) }
        try await eventually("a line about it") { log.text.contains("unreachable") }
        // The line may be the subscriber's, whose connection is another.
        try await eventually("the publisher's reason") {
            publisher.connectionState.reason?.contains("could not be reached") == true
        }
        #expect(!publisher.connectionState.isConnected)

        try await broker.start()
        try await publishing.value
        try await eventually("the message") { handled.missing(of: [message.id]) == 0 }
        #expect(publisher.connectionState.isConnected)
        router.drain()
        try await running.value
        await publisher.close()
    }

    @Test func goesOnAfterTheBrokerWasStoppedInGoodOrder() async throws {
        let (amqp, broker) = try await Self.own.use()
        let topic = amqp.uniqueTopic("stop")
        let publisher = try amqp.publisher()
        let subscriber = try amqp.subscriber()
        let subscription = try await subscriber.subscribe(to: topic)
        try await publisher.publish([Message(payload: [1])], to: topic)
        try await subscription.first().acknowledge()
        // These two queues go with the broker: their users alone declare them again.
        let (written, read) = (amqp.uniqueTopic("written"), amqp.uniqueTopic("read"))
        let writer = try amqp.publisher(.nonDurableQueue)
        try await writer.publish([Message(payload: [3])], to: written)
        let reader = try amqp.subscriber(.nonDurableQueue)
        let reading = try await reader.subscribe(to: read)
        try await broker.stop()
        try await eventually { !publisher.connectionState.isConnected && !subscriber.connectionState.isConnected }
        try await broker.start()
        try await publisher.publish([Message(payload: [2])], to: topic)
        try await subscriber.next(topic, after: subscription) { $0.payload == [2] }
        try await writer.publish([Message(payload: [4])], to: written)
        try await eventually("the queue is read again") { reader.connectionState.isConnected }
        let raw = try RawAMQPClient(port: broker.port)
        try raw.publish(to: read.name, [5])
        #expect(try await reading.first().message.payload == [5])
        for publisher in [publisher, writer] { await publisher.close() }
        for subscriber in [subscriber, reader] { await subscriber.close() }
    }

    @Test func goesOnWhenAnAdministratorClosesTheConnections() async throws {
        let (amqp, broker) = try await Self.own.use()
        let topic = amqp.uniqueTopic("closed")
        let log = LogRecorder()
        let publisher = try amqp.publisher(log: log)
        let subscriber = try amqp.subscriber(log: log)
        let subscription = try await subscriber.subscribe(to: topic)
        try await publisher.publish([Message(payload: [1])], to: topic)
        try await subscription.first().acknowledge()
        try await publisher.publish([Message(payload: [3])], to: topic)
        let held = try await subscription.first()
        #expect(held.isOurs)
        try await broker.control("close_all_connections", "maintenance tonight")
        try await eventually("the administrator's reason in the log; \(log.text)") {
            log.lines.count { $0.contains("maintenance tonight") } >= 2
        }
        // The broker delivers it again, perhaps to another consumer.
        #expect(!held.isOurs)
        try await eventually("a publish") { (try? await publisher.publish([Message(payload: [2])], to: topic)) != nil }
        try await subscriber.next(topic, after: subscription) { $0.payload == [2] }
        await publisher.close()
        await subscriber.close()
    }

    @Test func goesOnWhenItsQueueIsDeleted() async throws {
        let (amqp, broker) = try await Self.own.use()
        for topology in [AMQPTopology.durableQueue, .quorumQueue] {
            let topic = amqp.uniqueTopic("deleted")
            let publisher = try amqp.publisher(topology)
            let subscriber = try amqp.subscriber(topology)
            let subscription = try await subscriber.subscribe(to: topic)
            try await publisher.publish([Message(payload: [1])], to: topic)
            let held = try await subscription.first()
            try await broker.control("delete_queue", topic.name)
            // Its delivery belongs to a queue that is no more.
            held.acknowledge()
            // What the queue takes while it is being deleted goes with it.
            let publishing = Task {
                while !Task.isCancelled {
                    try? await publisher.publish([Message(payload: [2])], to: topic)
                    try? await Task.sleep(for: .milliseconds(200))
                }
            }
            defer { publishing.cancel() }
            try await subscriber.next(topic, after: subscription) { $0.payload == [2] }
            publishing.cancel()
            await publisher.close()
            await subscriber.close()
        }
    }

    /// With a memory alarm the broker reads nothing more from connections that publish.
    @Test func publishersWaitWhileTheBrokerIsOutOfMemory() async throws {
        let (amqp, broker) = try await Self.own.use()
        let topic = amqp.uniqueTopic("alarm")
        var options = AMQPPublisher.Configuration()
        options.publishTimeout = .seconds(6)
        let publisher = try amqp.publisher(options: options)
        let subscriber = try amqp.subscriber()
        let subscription = try await subscriber.subscribe(to: topic)
        try await publisher.publish([Message(payload: [1])], to: topic)
        try await broker.control("set_vm_memory_high_watermark", "0.00001")
        let confirmed = Counter()
        let publishing = Task {
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<50 {
                    group.addTask {
                        try await publisher.publish(
                            (0..<4).map { _ in Message(payload: [UInt8](repeating: 2, count: 4_096)) }, to: topic)
                        confirmed.add(4)
                    }
                }
            }
        }
        try await eventually("to be told") { publisher.connectionState.isBlocked }
        #expect(publisher.connectionState.isConnected)
        #expect(publisher.connectionState.reason?.contains("low on memory") == true)
        // Consumers go on.
        try await subscription.first().acknowledge()
        // Longer than a publish may take otherwise.
        try await Task.sleep(for: .seconds(7))
        #expect(confirmed.value == 0)
        try await broker.control("set_vm_memory_high_watermark", "0.4")
        try await publishing.value
        #expect(!publisher.connectionState.isBlocked)
        var count = 0
        try await eventually("every message") {
            for delivery in try subscription.take(256) ?? [] {
                delivery.acknowledge()
                count += 1
            }
            return count == 200
        }
        await publisher.close()
        await subscriber.close()
    }

    @Test func encryptsAndChecksWhoTheBrokerIs() async throws {
        let (amqp, broker) = try await Self.own.use()
        let topic = amqp.uniqueTopic("tls")
        func configuration(_ options: String, host: String = "localhost") throws -> AMQPConfiguration {
            var configuration = try AMQPConfiguration(
                uri: broker.uri(tls: true, options: options).replacing("localhost", with: host))
            configuration.reconnect = amqp.configuration.reconnect
            return configuration
        }
        let good = try configuration("cacertfile=\(broker.authority)")
        let publisher = try amqp.publisher(.durableQueue, good)
        let subscriber = try amqp.subscriber(.durableQueue, good)
        let subscription = try await subscriber.subscribe(to: topic)
        let payload = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try await publisher.publish(
            [Message(payload: payload)] + (0..<500).map { _ in Message(payload: [1]) }, to: topic)
        let first = try await subscription.first()
        #expect(first.message.payload == payload)
        first.acknowledge()
        for _ in 0..<500 { try await subscription.first().acknowledge() }
        await publisher.close()
        await subscriber.close()

        for (options, host) in [
            ("cacertfile=\(broker.strangeAuthority)", "localhost"), ("", "localhost"),
            ("cacertfile=\(broker.authority)", "127.0.0.1"),
        ] {
            let stranger = try amqp.publisher(.durableQueue, try configuration(options, host: host))
            let error = await #expect(throws: (any Error).self, "\(options) \(host)") {
                try await stranger.publish([Message(payload: [1])], to: topic)
            }
            #expect(AMQPError.behind(error)?.code == .tls, "\(options) \(host): \(error.map { "\($0)" } ?? "")")
            await stranger.close()
        }
        // Who does not care is let in.
        let careless = try amqp.publisher(.durableQueue, try configuration("verify=verify_none"))
        try await careless.publish([Message(payload: [1])], to: topic)
        await careless.close()
    }

    /// A write over TLS waits for the broker to read, inside of librabbitmq: not for ever, and the publish is not lost
    /// in it.
    @Test func aBrokerThatReadsNothingOverTLSIsLeft() async throws {
        let (amqp, broker) = try await Self.own.use()
        let topic = amqp.uniqueTopic("tls-stuck")
        var configuration = try AMQPConfiguration(
            uri: broker.uri(tls: true, options: "heartbeat=0&cacertfile=\(broker.authority)"))
        configuration.reconnect = amqp.configuration.reconnect
        configuration.requestTimeout = .seconds(2)
        let log = LogRecorder()
        let publisher = try amqp.publisher(.durableQueue, configuration, log: log)
        try await publisher.publish([Message(payload: [1])], to: topic)
        let process = try #require(broker.processIdentifier)
        Foundation.kill(process, SIGSTOP)
        defer { Foundation.kill(process, SIGCONT) }
        let large = Message(payload: [UInt8](repeating: 2, count: 32 << 20))
        let publishing = Task { try await publisher.publish([large], to: topic) }
        try await eventually("the connection is given up; \(log.text)") {
            log.text.contains("has read nothing for 2.0 s (connection_lost)")
        }
        #expect(!publisher.connectionState.isConnected)
        Foundation.kill(process, SIGCONT)
        // It was not begun to be taken, and goes over the next connection.
        try await publishing.value
        await publisher.close()
    }
}
