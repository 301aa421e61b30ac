/// What should become of a message after an error.
///
/// ```swift
/// throw HandlerError("the shop is closed", reason: "closed", disposition: .hold("closed", for: .seconds(600)))
/// ```
public struct Disposition: Sendable, Equatable {
    /// The same to switch over. Kinds may be added: have a `default`.
    public enum Kind: Sendable, Equatable {
        /// It may pass. A time is the other side's.
        case retry(after: Duration?)
        /// The destination asks to slow down.
        case throttled(after: Duration?)
        /// The message can never succeed, and why.
        case poison(String)
        /// The message is not worth keeping, and why.
        case discard(String)
        /// The destination refuses everything; why, and how long until it is asked again.
        case hold(String, Duration)
    }

    /// What it asks for, to switch over.
    ///
    /// ```swift
    /// if case .throttled(let after?) = Disposition(of: error).kind { … }
    /// ```
    public let kind: Kind

    /// The failure may pass: try again, not before `after` where the other side named a time (HTTP's Retry-After).
    ///
    /// One that names a time counts as ``throttled(after:)``.
    public static func retry(after: Duration? = nil) -> Disposition { Disposition(kind: .retry(after: after)) }

    /// The destination asks to slow down (HTTP's 429): try again, not before `after` where it named a time.
    ///
    /// It uses up none of the message's attempts, and less of the destination's budget than a failure does.
    public static func throttled(after: Duration? = nil) -> Disposition { Disposition(kind: .throttled(after: after)) }

    /// The message itself can never succeed: move it to the poison queue.
    public static func poison(_ reason: String) -> Disposition { Disposition(kind: .poison(reason)) }

    /// The message is not worth keeping: acknowledge and count it.
    public static func discard(_ reason: String) -> Disposition { Disposition(kind: .discard(reason)) }

    /// The destination, not the message, is at fault in a way that only a person can mend (a revoked webhook): nothing
    /// is poisoned, and every message to that destination waits before the next attempt.
    public static func hold(_ reason: String, for duration: Duration = .seconds(60)) -> Disposition {
        Disposition(kind: .hold(reason, duration))
    }

    /// What `error` asks for. An error that says nothing is transient.
    public init(of error: any Error) {
        self = (error as? any DispositionError)?.disposition ?? .retry()
    }

    private init(kind: Kind) {
        self.kind = kind
    }

    /// Whether trying again cannot help.
    public var isPermanent: Bool {
        switch kind {
        case .poison, .discard: true
        case .retry, .throttled, .hold: false
        }
    }

    /// Whether the destination asks to slow down, or names a time.
    public var isThrottled: Bool { AttemptResult(self) == .throttled }

    /// Whether the destination asks to slow down, and not a message that waits for its twin.
    static func asksToSlowDown(_ error: any Error) -> Bool {
        Disposition(of: error).isThrottled && !(error is InProgressError)
    }

    /// A short word for the label `reason`: the error's own, or the name of its type.
    public static func reason(of error: any Error) -> String {
        (error as? any DispositionError)?.reason ?? String(describing: type(of: error))
    }
}

/// An error that says what should become of the message.
///
/// ```swift
/// struct OutOfStock: DispositionError {
///     var disposition: Disposition { .retry(after: .seconds(60)) }
///     var reason: String { "out_of_stock" }
/// }
/// ```
public protocol DispositionError: Error {
    var disposition: Disposition { get }
    /// A short, stable word for labels, such as `http_429`; never a payload, an address, or a secret.
    var reason: String { get }
}

/// An error with a disposition, for handlers that have no error type of their own.
///
/// ```swift
/// throw HandlerError(
///     "order 17 has no items", reason: "no_items", disposition: .poison("an order needs an item"))
/// ```
///
/// Its three texts have three readers:
///
/// | text | who sees it |
/// |---|---|
/// | ``description`` | who runs the program: the log (`error`), and a poisoned message's metadata (``PoisonMetadata/reason``) |
/// | ``reason`` | who looks at dashboards: the label `reason` of metrics, `reason` in the log, the notes of destinations. A short word of a small set, such as `http_503` |
/// | the text of ``Disposition/poison(_:)``, ``Disposition/discard(_:)``, ``Disposition/hold(_:for:)`` | who sent the message: the body of the 400 with which a request is answered, for `poison` and `discard`; of a `hold` the log and the destination's note, which say what to mend |
///
/// None of them may hold a payload or a secret.
public struct HandlerError: DispositionError, CustomStringConvertible {
    public let disposition: Disposition
    /// A short, stable word for labels, such as `no_items`.
    public let reason: String
    /// What went wrong, for the log and the poison queue.
    public let description: String

    /// - Parameters:
    ///   - description: what went wrong, for the log and the poison queue.
    ///   - reason: a short word for labels, of a small set.
    ///   - disposition: what should become of the message; its text is for the sender.
    public init(_ description: String, reason: String, disposition: Disposition) {
        self.description = description
        self.reason = reason
        self.disposition = disposition
    }
}
