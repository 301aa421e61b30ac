public import Sluice

/// What a fake destination answers to one attempt: a step of an ``AnswerScript``.
///
/// ```swift
/// let probe = try RouteProbe(send, through: [Retry()], answers: [.status(503), .throttled(after: .seconds(30)), .succeed])
/// ```
public struct Answer: Sendable {
    enum Kind: Sendable {
        case succeed
        case fail(any Error)
        case acceptFirst(Int, any Error)
        case wait(Gate)
    }

    let kind: Kind
    /// How long the answer takes.
    var delay = Duration.zero

    /// The destination takes it.
    public static let succeed = Answer(kind: .succeed)

    /// Throws `error`.
    public static func fail(_ error: any Error) -> Answer { Answer(kind: .fail(error)) }

    /// Answers as a server with this status: 2xx succeeds; 429 asks to slow down; 408, 425 and 5xx may pass, 501, 505 and 511
    /// aside; everything else holds the destination. The rules are those of SluiceHTTP.
    /// - Parameters:
    ///   - status: an HTTP status.
    ///   - retryAfter: the time that the server names; nil for none.
    public static func status(_ status: Int, retryAfter: Duration? = nil) -> Answer {
        guard let error = FakeStatusError(status, retryAfter: retryAfter) else { return .succeed }
        return .fail(error)
    }

    /// Asks to slow down, as a server does with the status 429.
    /// - Parameter delay: the time that it names; nil for none.
    public static func throttled(after delay: Duration? = nil) -> Answer { .status(429, retryAfter: delay) }

    /// Refuses everything until a person mends it, as a webhook that was revoked.
    public static func hold(_ reason: String, for duration: Duration = .seconds(60)) -> Answer {
        .fail(HandlerError(reason, reason: "held", disposition: .hold(reason, for: duration)))
    }

    /// Refuses the message itself.
    public static func poison(_ reason: String) -> Answer {
        .fail(HandlerError(reason, reason: "refused", disposition: .poison(reason)))
    }

    /// Of a publish, takes the first `count` messages and throws a `PublishError` that names the others.
    public static func acceptFirst(_ count: Int, then error: any Error) -> Answer {
        Answer(kind: .acceptFirst(count, error))
    }

    /// Answers when the gate opens, then succeeds: a slow destination.
    public static func wait(for gate: Gate) -> Answer { Answer(kind: .wait(gate)) }

    /// The same answer, given after this time.
    public func delayed(by delay: Duration) -> Answer {
        var answer = self
        answer.delay = delay
        return answer
    }
}

/// A fake destination answered with a status that is no success.
public struct FakeStatusError: DispositionError, CustomStringConvertible {
    public let status: Int
    public let disposition: Disposition

    init?(_ status: Int, retryAfter: Duration?) {
        self.status = status
        switch status {
        case 200..<300: return nil
        case 501, 505, 511: disposition = .hold("http_\(status)")
        case 429: disposition = .throttled(after: retryAfter)
        case 408, 425, 500...: disposition = .retry(after: retryAfter)
        default: disposition = .hold("http_\(status)")
        }
    }

    public var reason: String { "http_\(status)" }
    public var description: String { "the fake destination answered \(status)" }
}
