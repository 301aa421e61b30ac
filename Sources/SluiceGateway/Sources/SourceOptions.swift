public import Logging
public import Sluice
public import SluiceHTTP

/// What can be set about a source of one kind, as a value that makes what takes its events in.
public protocol SourceOptions: Sendable {
    /// The paths that requests to it come in on. Default none.
    /// - Parameter name: the source's.
    func endpoints(named name: String) -> [SourceEndpoint]

    /// Makes what it takes in by another way than HTTP; nil, the default, where there is none. Nothing is connected yet.
    func connection(_ parts: SourceParts) throws -> SourceConnection?

    /// Files and sockets that the connection may have open. Default 0.
    var openFiles: Int { get }
    /// What is allowed and probably not meant, such as a password in the clear: a line each, for the log. Default none.
    var cautions: [String] { get }
}

extension SourceOptions {
    public func connection(_ parts: SourceParts) throws -> SourceConnection? { nil }
    public var openFiles: Int { 0 }
    public var cautions: [String] { [] }

    /// The options that would tell its requests from anyone's, and are not set.
    var unsigned: [ConfigurationVariable] {
        endpoints(named: "").filter { $0.endpoint.authenticator == nil }.compactMap(\.secret)
    }
}

/// A path whose requests become events.
public struct SourceEndpoint: Sendable {
    /// The path, and who may send. Without an authenticator only this machine may, unless everyone is allowed to.
    public let endpoint: HTTPEndpoint
    /// The option that makes an authenticator; nil where that is no option of the environment.
    public let secret: ConfigurationVariable?
    /// Whether the handler checks what its events have.
    let isChecked: Bool
    /// Makes the handler, which turns a request's message into those of its events.
    public let handler: @Sendable (Instruments) -> Handler

    init(
        endpoint: HTTPEndpoint, secret: ConfigurationVariable?, isChecked: Bool = true,
        handler: @escaping @Sendable (Instruments) -> Handler
    ) {
        self.endpoint = endpoint
        self.secret = secret
        self.isChecked = isChecked
        self.handler = handler
    }
}

/// What a source's connection is made with.
public struct SourceParts: Sendable {
    /// The source's name.
    public let name: String
    /// Where events go: the publisher, the topic, and the topic of those that can never be used. The publisher refuses an event
    /// with a field that it cannot have, by a ``SourceError``.
    public let queue: (publisher: any Publisher, events: Topic, poison: Topic)
    /// Whether the simulator publishes what it deploys there.
    public let isPublishedTo: Bool
    public let instruments: Instruments
    public let logger: Logger
    /// Nil where there is none.
    let journal: Journal?
}

/// What takes events in by another way than HTTP.
public struct SourceConnection: Sendable {
    /// The routes from it to the queue.
    public var routes: [Route]
    /// Where deploy tools publish, for the simulator, which is one; nil where they cannot.
    public var deployTools: DeployTools?
    /// What keeps it from taking events in, a line each; asked for each `/readyz`, it must not wait.
    public var notes: @Sendable () -> [String]
    /// Lets go of the connection, after its routes have ended.
    public var close: @Sendable () async -> Void

    /// How deployments are told by who made them.
    public struct DeployTools: Sendable {
        public let publisher: any Publisher
        public let topic: Topic
        /// The message that a deploy tool would send.
        public let message: @Sendable (Deployment, MessageID) -> Message
    }
}

/// What every route that takes events in has around it. The sender is told of a failure and sends again: nothing is
/// retried or poisoned.
enum Intake {
    /// - Parameter journal: nil where there is none.
    static func middlewares(_ journal: Journal?) -> [any Middleware] {
        (journal.map { [JournalMessages(journal: $0, place: .intake)] } ?? []) + [
            CorrelationID(), HandlerMetrics(), LogMessages(),
        ]
    }

    /// For senders that get no answer: what may pass is tried again, and nonsense is kept for a person to look at.
    static func unanswered(_ parts: SourceParts) -> [any Middleware] {
        middlewares(parts.journal) + [
            PoisonQueue(to: parts.queue.publisher, parts.queue.poison, filter: .permanent), Retry(),
        ]
    }
}
