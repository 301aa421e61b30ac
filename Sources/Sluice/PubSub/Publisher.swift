/// Gives messages to a broker.
///
/// ```swift
/// try await publisher.publish([Message(text: "7")], to: "orders")  // returns when the broker has taken responsibility
/// ```
public protocol Publisher: AnyObject, Timed, Closable {
    /// The kind of publisher, for the label `publisher_name`, such as `sqlite`.
    var name: String { get }

    /// The broker in OpenTelemetry's words, for the attribute `messaging.system` of spans. Default: ``name``.
    var messagingSystem: String { get }

    /// Returns when the broker has taken responsibility for every message, and never before.
    ///
    /// All or nothing is not promised.
    /// - Throws: ``PublishError``, which names the messages that were not accepted, or an error of the adapter, after
    ///   which none of them counts as accepted. `CancellationError` when the task was cancelled first.
    func publish(_ messages: [Message], to topic: Topic) async throws

    /// Waits for what is being published, then gives up the connection. Afterwards every publish throws. A second
    /// call returns at once.
    func close() async
}

extension Publisher {
    public var messagingSystem: String { name }
}

/// What is both has one.
extension Publisher where Self: Subscriber {
    public var messagingSystem: String { name }
}

/// Some messages of a publish were not accepted by the broker.
public struct PublishError: DispositionError, CustomStringConvertible {
    /// The messages that the broker did not take; publish these again.
    public let notAccepted: [MessageID]
    public let underlying: any Error

    public init(notAccepted: [MessageID], underlying: any Error) {
        self.notAccepted = notAccepted
        self.underlying = underlying
    }

    public var disposition: Disposition { Disposition(of: underlying) }
    public var reason: String { Disposition.reason(of: underlying) }
    public var description: String { "\(notAccepted.count) messages were not accepted: \(underlying)" }
}

/// A publisher or subscriber was used after it was closed.
public struct ClosedError: Error, CustomStringConvertible {
    /// What was closed, such as `sqlite publisher`.
    public let what: String

    public init(_ what: String) {
        self.what = what
    }

    public var description: String { "the \(what) is closed" }
}
