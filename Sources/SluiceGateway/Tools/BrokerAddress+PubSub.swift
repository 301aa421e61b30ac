import Logging
public import Sluice
import SluiceAMQP
import SluiceHTTP
import SluiceKafka
import SluiceSQLite

extension BrokerAddress {
    private static let logger = Logger(label: "sluice")

    /// A publisher, and what to end after it was closed.
    /// - Parameter key: the metadata whose value is the key of a message.
    public func publisher(key: String?) async throws -> (publisher: any Publisher, end: @Sendable () async -> Void) {
        let selector = key.map { KeySelector.metadata($0) } ?? .none
        switch self {
        case .sqlite(let path):
            let log = try Self.open(path)
            return (log.publisher(key: selector), { await log.close() })
        case .kafka(let configuration):
            return (try KafkaPublisher(configuration, key: selector, logger: Self.logger), {})
        case .amqp(let configuration):
            return (try AMQPPublisher(configuration, logger: Self.logger), {})
        case .http(let url):
            let client = try HTTPClient(HTTPClient.Configuration())
            let watermill = HTTPMarshaler.watermill()
            let marshaler = HTTPMarshaler { message, topic in
                try watermill.marshal(message, Topic(url + Self.path(of: topic)))
            }
            return (try HTTPPublisher(client: client, marshaler: marshaler), {})
        }
    }

    /// The messages of a topic.
    public func messages(of topic: Topic, _ options: ConsumeOptions) async throws -> any MessageSource {
        switch self {
        case .sqlite(let path):
            return try await Self.messages(ofLog: path, topic, options)
        case .kafka(let configuration):
            var settings = KafkaSubscriber.Options()
            settings.start = options.start.onKafka
            // Whoever looks at a topic must not make it by a slip of the pen.
            settings.createsMissingTopics = false
            let subscriber = try KafkaSubscriber(
                configuration, group: options.group, options: settings, logger: Self.logger)
            return try await SubscribedMessages(topic, subscriber, obstacle: { subscriber.obstacle(to: topic) })
        case .amqp(let configuration):
            guard options.group == nil else {
                throw ToolError("amqp: a queue has no groups: whoever reads it shares it")
            }
            let subscriber = try AMQPSubscriber(configuration, logger: Self.logger)
            return try await SubscribedMessages(
                topic, subscriber,
                obstacle: {
                    let state = subscriber.connectionState
                    return state.isConnected ? nil : state.reason ?? "not connected"
                })
        case .http(let url):
            guard url.hasPrefix("http://"), let address = BindAddress(String(url.dropFirst("http://".count))) else {
                throw ToolError("http: expected http://HOST:PORT to listen on")
            }
            return try await HTTPMessages(address, path: Self.path(of: topic))
        }
    }

    private static func messages(
        ofLog path: String, _ topic: Topic, _ options: ConsumeOptions
    ) async throws -> any MessageSource {
        let log = try open(path)
        guard let group = options.group else {
            let last = options.start == .end ? try await log.lastOffset(in: topic) : 0
            return LoggedMessages(log, topic, after: last, from: options.start.time)
        }
        guard options.start == .beginning else {
            throw ToolError("a group on the embedded log begins at the beginning")
        }
        return try await SubscribedMessages(topic, log.subscriber(group: group), end: { await log.close() })
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
    fileprivate var onKafka: KafkaSubscriber.StartPosition {
        switch self {
        case .beginning: .beginning
        case .end: .end
        case .time(let time): .time(time)
        }
    }
}
