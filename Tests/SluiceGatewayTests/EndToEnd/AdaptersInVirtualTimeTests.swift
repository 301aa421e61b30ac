import GatewayTestSupport
import Logging
import Sluice
import SluiceAMQP
import SluiceHTTP
import SluiceKafka
import SluiceSQLite
import SluiceTesting
import Testing

/// What has threads or connections of its own goes by the machine's time: a router in a virtual one says so at once, instead
/// of running past it.
@Suite(.timeLimit(.minutes(10)))
struct AdaptersInVirtualTimeTests {
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    @Test func aRouteOnAnyOfThemIsRefused() async throws {
        let directory = try TemporaryDirectory()
        let log = try SQLiteLog.open(SQLiteLog.Configuration(path: directory.path + "/log.sqlite"))
        let store = log.deduplicationStore()
        let client = try HTTPClient()
        // Nothing listens there, and nothing has to.
        let kafka = KafkaConfiguration(brokers: ["127.0.0.1:1"])
        let amqp = try AMQPConfiguration(uri: "amqp://127.0.0.1:1")
        let listener = try HTTPListener(configuration: HTTPListener.Configuration(), logger: Self.logger)
        let subscribers: [any Subscriber] = [
            log.subscriber(group: "g"), try KafkaSubscriber(kafka, group: "g", logger: Self.logger),
            try AMQPSubscriber(amqp, logger: Self.logger),
            try HTTPSubscriber(listener: listener, endpoints: [HTTPEndpoint("/in")]),
        ]
        let publishers: [any Publisher] = [
            log.publisher(), try KafkaPublisher(kafka, logger: Self.logger),
            try AMQPPublisher(amqp, logger: Self.logger), try HTTPPublisher(client: client),
        ]
        try await VirtualTime.run { time in
            let broker = MemoryBroker(time: time)
            let router = Router(logger: Self.logger, time: time)
            for subscriber in subscribers {
                let error = #expect(throws: ConfigurationError.self) {
                    try router.add(Route("r", from: subscriber, "in") { _, _ in })
                }
                #expect(error?.field == "Route.subscriber" && error?.expected.contains(subscriber.name) == true)
            }
            for publisher in publishers {
                let error = #expect(throws: ConfigurationError.self) {
                    try router.add(
                        Route("r", from: broker.subscriber(), "in", to: publisher, "out") { message, _ in [message] })
                }
                #expect(error?.field == "Route.publisher" && error?.expected.contains(publisher.name) == true)
            }
            let error = #expect(throws: ConfigurationError.self) {
                try router.add(
                    Route("r", from: broker.subscriber(), "in", middlewares: [Deduplicator(store)]) { _, _ in })
            }
            #expect(error?.field == "Deduplicator.store")
            #expect(router.status.isEmpty)
        }
        for subscriber in subscribers { await subscriber.close() }
        for publisher in publishers { await publisher.close() }
        await client.close()
        await log.close()
    }
}
