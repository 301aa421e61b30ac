public import Foundation
import Logging
public import Sluice
import SluiceAMQP
import SluiceHTTP
import SluiceKafka
import SluiceSQLite

extension BrokerAddress {
    private static let logger = Logger(label: "sluice")

    /// A publisher, and what to end after it was closed.
    /// - Parameters:
    ///   - topic: where messages will go.
    ///   - key: the metadata whose value is the key of a message that brings none of its own.
    ///   - environment: the variables of the brokers.
    /// - Throws: ``ToolError`` when Kafka has no such topic: a broker that made it would give it settings of its own.
    public func publisher(
        to topic: Topic, key: String?, environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws -> (publisher: any Publisher, end: @Sendable () async -> Void) {
        let load = CarryingPublisher.Load()
        let selector = load.key(otherwise: key.map { KeySelector.metadata($0) } ?? .none)
        switch self {
        case .sqlite(let path):
            let log = try Self.open(path)
            return (CarryingPublisher(log.publisher(key: selector), load), { await log.close() })
        case .kafka(let configuration):
            try await Self.requireTopic(topic, configuration)
            var options = KafkaPublisher.Configuration()
            options.createsMissingTopics = false
            options.marshaler = ExactKafkaMarshaler(load: load)
            let publisher = try KafkaPublisher(
                configuration, key: selector, configuration: options, logger: Self.logger)
            return (CarryingPublisher(publisher, load), {})
        case .amqp(let configuration):
            var values = ConfigurationValues(environment)
            let topology = AMQPTopology.workQueue(declaring: values.read(DeploymentsOptions.declare) ?? true)
            return (try AMQPPublisher(configuration, topology: topology, logger: Self.logger), {})
        case .http(let url):
            let client = try HTTPClient(HTTPClient.Configuration())
            let watermill = HTTPMarshaler.watermill()
            let marshaler = HTTPMarshaler { message, topic in
                try watermill.marshal(message, Topic(url + Self.path(of: topic)))
            }
            return (try HTTPPublisher(client: client, marshaler: marshaler), {})
        }
    }

    /// The messages of a topic. Makes nothing: what is not there is an error.
    /// - Throws: ``ToolError`` when there is no such topic, or an option cannot be honoured.
    public func messages(of topic: Topic, _ options: ConsumeOptions) async throws -> any MessageSource {
        // In code the beginning is what it is without being asked for.
        try validate(options.start == .beginning ? options.with(start: nil) : options)
        switch self {
        case .sqlite(let path):
            return try await Self.messages(ofLog: path, topic, options)
        case .kafka(let configuration):
            try await Self.requireTopic(topic, configuration)
            var settings = KafkaSubscriber.Configuration()
            settings.start = (options.start ?? .beginning).position
            settings.createsMissingTopics = false
            settings.commitTimeout = options.commitTimeout ?? settings.commitTimeout
            let marshaler = ExactKafkaMarshaler()
            settings.marshaler = marshaler
            let subscriber = try KafkaSubscriber(
                configuration, group: options.group, configuration: settings, logger: Self.logger)
            return try await SubscribedMessages(
                topic, subscriber, obstacle: { subscriber.obstacle(to: topic) }, exact: marshaler.notes.take)
        case .amqp(let configuration):
            var settings = AMQPSubscriber.Configuration()
            if let limit = options.limit(on: self), options.leavesMessages {
                settings.prefetch = UInt16(clamping: limit)
            }
            let subscriber = try AMQPSubscriber(
                configuration, topology: .workQueue(declaring: false), configuration: settings, logger: Self.logger)
            return try await SubscribedMessages(
                topic, subscriber,
                obstacle: {
                    let state = subscriber.connectionState
                    return state.isConnected ? nil : state.reason ?? "not connected"
                }, leavesMessages: options.leavesMessages)
        case .http(let url):
            guard let address = Self.listening(url) else { throw ToolError("http: expected a loopback address") }
            return try await HTTPMessages(address, path: Self.path(of: topic))
        }
    }

    private static func messages(
        ofLog path: String, _ topic: Topic, _ options: ConsumeOptions
    ) async throws -> any MessageSource {
        let path = DataDirectory.logFile(at: path)
        let view = SQLiteLogView(path: path)
        guard let last = try view.lastOffset(in: topic) else {
            throw ToolError("the log \(path) has no topic \(topic)")
        }
        guard let group = options.group else {
            return LoggedMessages(view, topic, after: options.start == .end ? last : 0, from: options.start?.time)
        }
        let log = try open(path)
        return try await SubscribedMessages(topic, log.subscriber(group: group), end: { await log.close() })
    }

    /// - Throws: ``ToolError`` when the brokers say that there is no such topic. Brokers that say nothing are waited for
    ///   while messages are.
    private static func requireTopic(_ topic: Topic, _ configuration: KafkaConfiguration) async throws {
        let topics = try KafkaTopics(configuration, timeout: .seconds(3), logger: logger)
        let isMissing: Bool
        do {
            isMissing = try await topics.partitionCount(of: topic) == nil
        } catch {
            isMissing = false
        }
        await topics.close()
        if isMissing { throw ToolError("the brokers have no topic \(topic)") }
    }

    private static func open(_ path: String) throws -> SQLiteLog {
        try SQLiteLog.open(SQLiteLog.Configuration(path: DataDirectory.logFile(at: path)))
    }

    private static func path(of topic: Topic) -> String {
        topic.name.hasPrefix("/") ? topic.name : "/\(topic.name)"
    }
}

extension KafkaSubscriber {
    /// Why no message of the topic can come now.
    fileprivate func obstacle(to topic: Topic) -> String? {
        let state = connectionState
        if !state.isConnected { return state.reason ?? "not connected" }
        if group != nil { return groupMetadata(of: topic) == nil ? "the group has given no place yet" : nil }
        return lag(of: topic) == nil ? "no partition of the topic is known" : nil
    }
}

extension ConsumeOptions.Start {
    fileprivate var position: StartPosition {
        switch self {
        case .beginning: .beginning
        case .end: .end
        case .time(let time): .time(time)
        }
    }
}
