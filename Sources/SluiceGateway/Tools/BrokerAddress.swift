public import Sluice
import SluiceHTTP
import SluiceSQLite

/// Which broker a tool talks to, as it is given on the command line.
public enum BrokerAddress: Sendable {
    /// `sqlite:PATH`: the embedded log in this file, or in this data directory of a gateway.
    case sqlite(path: String)
    /// `http://HOST:PORT`: to publish, where each message is posted; to consume, where requests are taken in. The topic
    /// is the path.
    case http(String)

    /// - Throws: ``ToolError`` that says what is expected, without the address, which may hold a password.
    public init(_ text: String) throws(ToolError) {
        guard let colon = text.firstIndex(of: ":") else { throw Self.unknown }
        let rest = String(text[text.index(after: colon)...])
        switch text[..<colon].lowercased() {
        case "sqlite":
            let path = rest.hasPrefix("//") ? String(rest.dropFirst(2)) : rest
            guard !path.isEmpty else { throw ToolError("sqlite: expected a path behind it") }
            self = .sqlite(path: path)
        case "http", "https":
            guard ConfigurationValues.isWebAddress(text) else {
                throw ToolError("http: expected http://HOST:PORT, without user or password")
            }
            self = .http(text.hasSuffix("/") ? String(text.dropLast()) : text)
        default:
            throw Self.unknown
        }
    }

    /// What an address may be, in words.
    public static let forms = "sqlite:PATH (a gateway's data directory or its log) or http://HOST:PORT"

    private static let unknown = ToolError("expected \(forms)")

    /// A publisher, and what to end after it was closed.
    /// - Parameter key: the metadata whose value is the key of a message.
    public func publisher(key: String?) async throws -> (publisher: any Publisher, end: @Sendable () async -> Void) {
        let selector = key.map { KeySelector.metadata($0) } ?? .none
        switch self {
        case .sqlite(let path):
            let log = try Self.open(path)
            return (log.publisher(key: selector), { await log.close() })
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
            let log = try Self.open(path)
            guard let group = options.group else {
                let last = options.start == .end ? try await log.lastOffset(in: topic) : 0
                return LoggedMessages(log, topic, after: last, from: options.start.time)
            }
            guard options.start == .beginning else {
                throw ToolError("a group on the embedded log begins at the beginning")
            }
            let subscriber = log.subscriber(group: group)
            return SubscribedMessages(
                topic: topic, subscriber: subscriber, subscription: try await subscriber.subscribe(to: topic),
                end: { await log.close() })
        case .http(let url):
            guard url.hasPrefix("http://"), let address = BindAddress(String(url.dropFirst("http://".count))) else {
                throw ToolError("http: expected http://HOST:PORT to listen on")
            }
            return try await HTTPMessages(address, path: Self.path(of: topic))
        }
    }

    private static func open(_ path: String) throws -> SQLiteLog {
        try SQLiteLog.open(SQLiteLog.Configuration(path: DataDirectory.logFile(at: path)))
    }

    private static func path(of topic: Topic) -> String {
        topic.name.hasPrefix("/") ? topic.name : "/\(topic.name)"
    }
}

/// What of a topic to consume.
public struct ConsumeOptions: Sendable {
    /// Nil reads everything and settles nothing, where the broker has groups.
    public var group: String?
    /// Where to begin, unless the group has begun before.
    public var start = Start.beginning

    public enum Start: Sendable, Equatable {
        case beginning
        /// Only what comes from now on.
        case end
        /// The first message that is not older.
        case time(Timestamp)

        var time: Timestamp? { if case .time(let time) = self { time } else { nil } }

        /// Reads `beginning`, `end`, or an RFC 3339 time.
        public init?(_ text: String) {
            switch text {
            case "beginning": self = .beginning
            case "end": self = .end
            default:
                guard let time = RFC3339.parse(text) else { return nil }
                self = .time(time)
            }
        }
    }

    public init() {}
}
