/// From a topic, through middlewares and a handler, to another topic.
///
/// ```swift
/// Route("invoicing", from: log.subscriber(group: "invoicing"), "orders", to: log.publisher(), "invoices") { message, context in
///     [Message(text: "invoice for \(message.text ?? "?")")]
/// }
/// ```
public struct Route: Sendable {
    /// Where a route publishes what its handler returns.
    public struct Output: Sendable {
        public let publisher: any Publisher
        public let topic: Topic

        public init(_ publisher: any Publisher, _ topic: Topic) {
            self.publisher = publisher
            self.topic = topic
        }
    }

    /// Unique in its router; the label `handler_name`.
    public internal(set) var name: String
    public internal(set) var subscriber: any Subscriber
    public internal(set) var topic: Topic
    public internal(set) var ordering: Ordering?
    /// The outside system that it delivers to; nil for one of its own, with the route's name.
    public internal(set) var destination: Destination?
    public internal(set) var middlewares: [any Middleware]
    /// Which consecutive messages it handles as one; nil, the default, is none. Only a serial route has them.
    public internal(set) var joining: Joining?
    /// Whether its attempts go before those of other routes to the same destination, where both wait. Default false.
    public internal(set) var isUrgent: Bool
    /// Whether its attempts go behind those of other routes to the same destination, where both wait. Default false.
    public internal(set) var givesWay: Bool
    var work: RouteWork

    /// A route that publishes what its handler returns.
    /// - Parameters:
    ///   - name: unique in a router; the label `handler_name` of its metrics.
    ///   - subscriber: what it reads from.
    ///   - topic: what it reads.
    ///   - publisher: what takes what the handler returns.
    ///   - publishTopic: where that goes.
    ///   - ordering: the subscriber's default unless given.
    ///   - destination: the outside system that it delivers to, where several routes share one or it has a name of its
    ///     own; nil, the default, for one that is the route's alone.
    ///   - middlewares: inside the router's own; the first is outermost.
    ///   - joining: which consecutive messages it handles as one.
    ///   - isUrgent: whether its attempts go first at a destination that it shares.
    ///   - givesWay: whether its attempts go last at a destination that it shares. An urgent route never does.
    ///   - handler: turns a message into those that follow from it.
    public init(
        _ name: String, from subscriber: any Subscriber, _ topic: Topic,
        to publisher: any Publisher, _ publishTopic: Topic,
        ordering: Ordering? = nil, destination: Destination? = nil, middlewares: [any Middleware] = [],
        joining: Joining? = nil, isUrgent: Bool = false, givesWay: Bool = false,
        handler: @escaping Handler
    ) {
        self.init(
            name, subscriber, topic, ordering, destination, middlewares, joining, isUrgent: isUrgent,
            givesWay: givesWay, .producing(handler, to: Output(publisher, publishTopic)))
    }

    /// A route that only consumes: its handler has nothing to return.
    public init(
        _ name: String, from subscriber: any Subscriber, _ topic: Topic,
        ordering: Ordering? = nil, destination: Destination? = nil, middlewares: [any Middleware] = [],
        joining: Joining? = nil, isUrgent: Bool = false, givesWay: Bool = false,
        handler: @escaping @Sendable (Message, HandlerContext) async throws -> Void
    ) {
        self.init(
            name, subscriber, topic, ordering, destination, middlewares, joining, isUrgent: isUrgent,
            givesWay: givesWay, .consuming(handler))
    }

    private init(
        _ name: String, _ subscriber: any Subscriber, _ topic: Topic, _ ordering: Ordering?,
        _ destination: Destination?, _ middlewares: [any Middleware], _ joining: Joining?, isUrgent: Bool,
        givesWay: Bool, _ work: RouteWork
    ) {
        self.name = name
        self.subscriber = subscriber
        self.topic = topic
        self.ordering = ordering
        self.destination = destination
        self.middlewares = middlewares
        self.joining = joining
        self.isUrgent = isUrgent
        self.givesWay = givesWay && !isUrgent
        self.work = work
    }

    /// Where it publishes; nil when it only consumes.
    public var output: Output? {
        if case .producing(_, let output) = work { output } else { nil }
    }
}
