public import Sluice

/// A server answered, and not with success.
///
/// It holds neither the URL nor anything of the answer but its status and what follows from it.
public struct HTTPStatusError: DispositionError, CustomStringConvertible {
    public let status: Int
    /// The request's.
    public let target: String
    public let disposition: Disposition

    public init(status: Int, target: String, disposition: Disposition) {
        self.status = status
        self.target = target
        self.disposition = disposition
    }

    /// The word that the disposition carries, or `http_` and the status.
    public var reason: String {
        switch disposition.kind {
        case .poison(let reason), .discard(let reason), .hold(let reason, _): reason
        case .retry, .throttled: Self.word(for: status)
        }
    }

    /// Whether the server may have processed the request all the same: a 5xx that does not say otherwise, such as a
    /// proxy that stopped waiting (504).
    public var outcomeUnknown: Bool {
        switch status {
        case 501, 503, 505: false
        default: status >= 500
        }
    }

    public var description: String { "\(target) answered \(status)" }

    static func word(for status: Int) -> String { "http_\(status)" }
}

extension HTTPStatusError {
    /// What becomes of a message by the answer to it; nil accepts it.
    ///
    /// 2xx is success. 408, 425, 429 and 5xx pass: retry, after the server's Retry-After if it names one; 429 is
    /// throttled where it names none, too. Everything
    /// else holds: a status alone does not say whether the message, the address, the credentials or a proxy on the way
    /// is at fault, and a message that is poisoned for another's fault is lost. So do 501, 505 and 511, which no wait
    /// changes. Where a status is known to speak of the message, use ``classify(poisoning:)``.
    public static func classify(_ response: HTTPClient.Response) -> Disposition? {
        switch response.status {
        case 200..<300: nil
        case 501, 505, 511: .hold(word(for: response.status))
        case 429: .throttled(after: RetryAfter.delay(in: response.headers))
        case 408, 425, 500...: .retry(after: RetryAfter.delay(in: response.headers))
        default: .hold(word(for: response.status))
        }
    }

    /// ``classify(_:)`` for a server whose answers of these statuses name the message, such as `[400, 413, 422]`:
    /// they poison it. It is for servers without a proxy or a login in front that may answer the same.
    public static func classify(
        poisoning statuses: Set<Int>
    ) -> @Sendable (HTTPClient.Response) -> Disposition? {
        { response in
            statuses.contains(response.status) ? .poison(word(for: response.status)) : classify(response)
        }
    }
}

extension HTTPClient.Response {
    /// Returns when the answer is a success, for callers of `send` that want an error otherwise.
    /// - Parameter classify: what each answer means; nil from it is success.
    public func requireSuccess(
        _ classify: (HTTPClient.Response) -> Disposition? = HTTPStatusError.classify
    ) throws(HTTPStatusError) {
        if let disposition = classify(self) {
            throw HTTPStatusError(status: status, target: target, disposition: disposition)
        }
    }
}

extension PublishError {
    /// Whether a message that counts as not accepted may have been processed all the same.
    public var outcomeUnknown: Bool {
        switch underlying {
        case let error as HTTPClientError: error.outcomeUnknown
        case let error as HTTPStatusError: error.outcomeUnknown
        default: false
        }
    }
}
