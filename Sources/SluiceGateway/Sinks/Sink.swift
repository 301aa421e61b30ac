public import Sluice

/// Gives events to another system.
///
/// ```swift
/// struct AuditSink: Sink {
///     func deliver(_ delivery: SinkDelivery) async throws {
///         try await audit.append(delivery.message.payload)  // an error is tried again; HandlerError says otherwise
///     }
/// }
/// ```
///
/// A sink of your own is a type with this one method: see ``ConfiguredSink/init(_:_:ordering:start:throttle:)``.
/// What is around it is the gateway's: it is called again when it throws, it gets no event twice that it has returned from,
/// and what it can never take goes to the topic `poison`.
public protocol Sink: Sendable {
    /// Returns when the other system has the event, and never before.
    ///
    /// - Throws: a `DispositionError`, such as Sluice's `HandlerError`, says what to do: try again (`.retry`), slow
    ///   down (`.throttled`), give the event up for good (`.poison`), or wait for a person (`.hold`). Any other error is
    ///   tried again.
    func deliver(_ delivery: SinkDelivery) async throws

    /// Lets go of what it has, after its last delivery. Default: nothing.
    ///
    /// It has the name that closing has everywhere (`Closable`), and hides C's `close` inside of the type: a sink that uses file
    /// descriptors calls that by its module, `Glibc.close(descriptor)`.
    func close() async
}

extension Sink {
    public func close() async {}
}

/// A sink that can tell several events as one.
public protocol DigestingSink: Sink {
    /// Returns when the other system has all of them, in one message, and never before.
    /// - Parameter deliveries: pushes of one webhook, oldest first; at least two.
    /// - Throws: as ``Sink/deliver(_:)``. Where the error says that the other system can never take it, each is delivered alone.
    func deliver(_ deliveries: [SinkDelivery]) async throws
}

/// A sink that takes many events at once, such as in one transaction.
public protocol GatheringSink: Sink {
    /// Returns when the other system has all of them, and never before.
    /// - Parameter deliveries: events that follow one another, oldest first; at least two, at most 256.
    /// - Throws: as ``Sink/deliver(_:)``. Where the error says that the other system can never take them, each is delivered alone.
    func deliver(together deliveries: [SinkDelivery]) async throws
}

/// An event on its way to a sink.
public struct SinkDelivery: Sendable {
    /// What happened.
    public let event: Event
    /// The event as it travels: its id is the same in every attempt, and for the same event told twice.
    public let message: Message
    /// Whether an earlier attempt, or another gateway, may have delivered it without this one knowing: a sink that
    /// would otherwise make it twice looks first.
    public let mayBeDelivered: Bool

    /// For tests; the gateway makes its own.
    public init(_ event: Event, mayBeDelivered: Bool = false) {
        self.init(event, event.message(), mayBeDelivered: mayBeDelivered)
    }

    init(_ event: Event, _ message: Message, mayBeDelivered: Bool) {
        self.event = event
        self.message = message
        self.mayBeDelivered = mayBeDelivered
    }

    /// Identifies the event.
    public var id: MessageID { message.id }
}

/// Hands events on to a topic of any broker, as they stand on the queue.
struct PublishingSink: Sink {
    let publisher: any Publisher
    let topic: Topic

    func deliver(_ delivery: SinkDelivery) async throws {
        try await publisher.publish([delivery.message], to: topic)
    }

    func close() async {
        await publisher.close()
    }
}
