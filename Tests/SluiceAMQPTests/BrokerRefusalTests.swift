import Foundation
import Sluice
import SluiceAMQP
import SluiceTestBrokers
import SluiceTesting
import Testing

/// What a broker refuses, and what is said about it.
@Suite(.enabled(if: AMQPUnderTest.isAvailable, AMQPUnderTest.need), .timeLimit(.minutes(10)))
struct BrokerRefusalTests {
    @Test(arguments: [
        "", "amqp", "amqp:", "amqp:/", "http://user:s3cret@host", "amqps:user:s3cret@host", "//user:s3cret@host",
        "amqp://user:s3cret@host:port", "amqp://user:s3cret@host:0", "amqp://user:s3cret@host:65536",
        "amqp://user:s3cret@host:-1", "amqp://user:s3cret@:5672", "amqp://user:s3cret@[::1", "amqp://user:s3cret@[]",
        "amqp://user:s3cret@[::1]5672", "amqp://user:s3cret@host/a/b", "amqp://user:s3cret@host/%",
        "amqp://us%zz:s3cret@h",
        "amqp://user:s3cret@host/%ff", "amqp://user:s3cret%0@host", "amqp://user:s3cret@host/#fragment",
        "amqp://user:s3cret @host", "amqp://user:s3cret\n@host", "amqp://user:s3cret@host?heartbeat=s3cret",
        "amqp://user:s3cret@host?heartbeat=-1", "amqp://user:s3cret@host?heartbeat=99999999999999999999",
        "amqp://user:s3cret@host?s3cret=1", "amqp://user:s3cret@one,,two", "amqp://user:s3cret@host?verify=sometimes",
        "amqp://user:s3cret@host?cacertfile=/x", "amqps://user:s3cret@host?verify=sometimes",
        "amqp://user:s3cret@host/" + String(repeating: "v", count: 256), "amqp://user:s3cret@host/%00",
        "amqp://user:s3cret@\(String(repeating: "h", count: 300))", "amqp://user:s3cret@host?connection_timeout=1",
        "amqp://user:s3cret@host?frame_max=1",
    ])
    func aURIThatIsWrongIsAnErrorThatShowsNothingOfIt(_ uri: String) {
        let error = #expect(throws: ConfigurationError.self, "\(uri)") { try AMQPConfiguration(uri: uri) }
        #expect(error?.field.hasPrefix("AMQPConfiguration.") == true)
        #expect(error.map { "\($0)".contains("s3cret") } == false)
    }

    @Test func readsEveryPartOfAURI() throws {
        let configuration = try AMQPConfiguration(
            uri: "amqps://us%40er:p%3Aa%2Fss@one.example,[::1]:5673,three:7/my%2Fhost?heartbeat=10&verify=verify_none")
        #expect(configuration.username == "us@er" && configuration.password == "p:a/ss")
        #expect(
            configuration.hosts == [
                .init("one.example", port: 5_671), .init("::1", port: 5_673), .init("three", port: 7),
            ])
        #expect(configuration.vhost == "my/host" && configuration.heartbeat == .seconds(10))
        #expect(configuration.tls?.verifiesPeer == false)
        #expect(try AMQPConfiguration(uri: "amqp://h").vhost == "/")
        #expect(try AMQPConfiguration(uri: "amqp://h/").vhost == "/")
        #expect(try AMQPConfiguration(uri: "amqp://").hosts == [.init("localhost", port: 5_672)])
        #expect(!String(reflecting: configuration).contains("p:a/ss") && !"\(configuration)".contains("p:a/ss"))
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(!dumped.contains("p:a/ss"))
    }

    @Test func aWrongPasswordIsSaidAtOnceAndNotTriedInAHotLoop() async throws {
        let amqp = try await AMQPUnderTest.shared()
        var configuration = amqp.configuration
        configuration.password = "wr0ng-s3cret"
        try await refused(.authentication, amqp, configuration)
    }

    @Test func aWrongVirtualHostIsSaid() async throws {
        let amqp = try await AMQPUnderTest.shared()
        var configuration = amqp.configuration
        configuration.vhost = "no such host"
        try await refused(.virtualHost, amqp, configuration)
    }

    @Test func missingPermissionsAreSaid() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let broker = try amqp.administration()
        let user = amqp.uniqueTopic("user").name
        try await broker.control("add_user", user, "s3cret")
        try await broker.control("set_permissions", user, "^$", "^$", "^$")
        var configuration = amqp.configuration
        (configuration.username, configuration.password) = (user, "s3cret")
        let publisher = try amqp.publisher(.durableQueue, configuration)
        let error = await #expect(throws: (any Error).self) {
            try await publisher.publish([Message(payload: [1])], to: amqp.uniqueTopic())
        }
        #expect(AMQPError.behind(error)?.code == .accessRefused)
        #expect(error.map { "\($0)".contains("s3cret") } == false)
        await publisher.close()
    }

    @Test func whatNoQueueTakesIsAnErrorAndNamesTheMessages() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topology = AMQPTopology.durableQueue.with { $0.publisherDeclares = .nothing }
        let publisher = try amqp.publisher(topology)
        let topic = amqp.uniqueTopic("missing")
        let messages = (0..<5).map { Message(payload: [$0]) }
        let error = await #expect(throws: PublishError.self) { try await publisher.publish(messages, to: topic) }
        #expect(error?.notAccepted.count == 5)
        #expect((error?.underlying as? AMQPError)?.code == .unroutable)
        #expect(error.map { "\($0)".contains(topic.name) } == true)
        // The publisher is as good as before.
        let other = try amqp.publisher()
        try await other.publish([Message(payload: [9])], to: topic)
        try await publisher.publish(messages, to: topic)
        await publisher.close()
        await other.close()
    }

    @Test func aMissingExchangeIsAnErrorAndHoldsUpNoOtherTopic() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topology = AMQPTopology.durablePubSub().with { $0.publisherDeclares = .nothing }
        let (missing, present) = (amqp.uniqueTopic("missing"), amqp.uniqueTopic("present"))
        let subscriber = try amqp.subscriber(.durablePubSub(queue: .topic))
        let subscription = try await subscriber.subscribe(to: present)
        let publisher = try amqp.publisher(topology)
        let error = await #expect(throws: (any Error).self) {
            try await publisher.publish([Message(payload: [1])], to: missing)
        }
        #expect(AMQPError.behind(error)?.code == .notFound, "\(error.map { "\($0)" } ?? "")")
        try await publisher.publish([Message(payload: [2])], to: present)
        let delivery = try await subscription.first()
        #expect(delivery.message.payload == [2])
        delivery.acknowledge()
        await publisher.close()
        await subscriber.close()
    }

    /// A queue that refuses what is beyond its length.
    @Test func aFullQueueRefusesAndNamesWhatItRefused() async throws {
        let amqp = try await AMQPUnderTest.shared()
        let topology = AMQPTopology.durableQueue.with {
            $0.queue.arguments["x-max-length"] = 3
            $0.queue.arguments["x-overflow"] = "reject-publish"
        }
        let publisher = try amqp.publisher(topology)
        let topic = amqp.uniqueTopic("full")
        let messages = (0..<5).map { Message(payload: [$0]) }
        let error = await #expect(throws: PublishError.self) { try await publisher.publish(messages, to: topic) }
        #expect(error?.notAccepted == messages.suffix(2).map(\.id))
        #expect((error?.underlying as? AMQPError)?.code == .refused)
        await publisher.close()
    }

    private func refused(
        _ code: AMQPError.Code, _ amqp: AMQPUnderTest, _ configuration: AMQPConfiguration
    ) async throws {
        let log = LogRecorder()
        var options = AMQPPublisher.Configuration()
        options.publishTimeout = .seconds(300)
        let publisher = try amqp.publisher(.durableQueue, configuration, options: options, log: log)
        let start = ContinuousClock.now
        let error = await #expect(throws: (any Error).self) {
            try await publisher.publish([Message(payload: [1])], to: amqp.uniqueTopic())
        }
        #expect(AMQPError.behind(error)?.code == code, "\(error.map { "\($0)" } ?? "")")
        #expect(ContinuousClock.now - start < .seconds(60), "it is no use to wait")
        #expect(!log.text.contains(configuration.password) && error.map { "\($0)" }?.contains("s3cret") == false)
        #expect(publisher.connectionState.reason?.contains("\(code)") == true)
        // It goes on trying, at a pace: it may be mended.
        try await Task.sleep(for: .seconds(1))
        #expect(log.lines.count { $0.contains("error=") } < 10, "\(log.text)")
        await publisher.close()

        let subscriber = try amqp.subscriber(.durableQueue, configuration)
        let failure = await #expect(throws: AMQPError.self) { try await subscriber.subscribe(to: amqp.uniqueTopic()) }
        #expect(failure?.code == code)
        await subscriber.close()
    }
}
