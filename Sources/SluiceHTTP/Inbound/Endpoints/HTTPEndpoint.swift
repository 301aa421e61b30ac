import Sluice

/// How requests to one path become messages.
///
/// ```swift
/// HTTPEndpoint("/webhooks/shop", authenticator: .hmacSHA256(secret: secret), maxBodyBytes: 1 << 20)
/// ```
public struct HTTPEndpoint: Sendable {
    /// The path, which is the name of the topic, compared as it is sent: `/webhooks/deploys`. A slash behind it does
    /// not matter.
    public var path: String

    /// Further paths that lead to the same topic. Default: none.
    public var aliases: [String]

    /// The one method that is taken; others get 405. Default: `POST`.
    public var method: String

    /// The media types that are taken, in lowercase and without parameters; a request may add parameters such as
    /// `charset`. Others get 415. `application/json` stands for every type with JSON's suffix, too, such as
    /// `application/vnd.api+json` (RFC 6839). Empty takes any. Default: `application/json`.
    public var contentTypes: [String]

    /// Whether a request without `Content-Type` gets 415. Default: false, as Watermill's publisher sends none.
    public var requiresContentType: Bool

    /// Who may send; nil is everyone. Default: nil.
    public var authenticator: HTTPAuthenticator?

    /// How the message is made. Default: the body as it is, with Watermill's headers understood.
    public var format: HTTPMessageFormat

    /// The largest body in bytes as transmitted; more gets 413. Default: the listener's.
    public var maxBodyBytes: Int?

    /// What a gzip body may inflate to, in bytes; more gets 413. It also counts towards the listener's
    /// `maxBufferedBytes`. Default: as `maxBodyBytes`.
    public var maxInflatedBytes: Int?

    /// How long a request waits until its message is settled, then it gets 503 while the message may still succeed:
    /// delivery is at least once. Nil waits for as long as it takes. Default: 9 s, because senders of webhooks give up at 10 s.
    public var answerTimeout: Duration?

    /// How many requests may wait for a handler; more get 503 at once. Default: 1,024.
    public var capacity: Int

    /// What 503 answers say in `Retry-After` when nothing else names a time. Whole seconds, at least 1. Default: 1 s.
    public var retryAfter: Duration

    public init(
        _ path: String,
        aliases: [String] = [],
        method: String = "POST",
        contentTypes: [String] = ["application/json"],
        requiresContentType: Bool = false,
        authenticator: HTTPAuthenticator? = nil,
        format: HTTPMessageFormat = HTTPMessageFormat.body(),
        maxBodyBytes: Int? = nil,
        maxInflatedBytes: Int? = nil,
        answerTimeout: Duration? = .seconds(9),
        capacity: Int = 1024,
        retryAfter: Duration = .seconds(1)
    ) {
        self.path = path
        self.aliases = aliases
        self.method = method
        self.contentTypes = contentTypes
        self.requiresContentType = requiresContentType
        self.authenticator = authenticator
        self.format = format
        self.maxBodyBytes = maxBodyBytes
        self.maxInflatedBytes = maxInflatedBytes
        self.answerTimeout = answerTimeout
        self.capacity = capacity
        self.retryAfter = retryAfter
    }
}

extension HTTPEndpoint {
    func validate() throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "HTTPEndpoint") { check in
            check("path", path.hasPrefix("/"), expected: "a path such as /in", value: path)
            for (index, alias) in aliases.enumerated() {
                check("aliases[\(index)]", alias.hasPrefix("/"), expected: "a path such as /in", value: alias)
            }
            check("method", !method.isEmpty, expected: "a method such as POST")
            check("maxBodyBytes", maxBodyBytes, in: 0...)
            check("maxInflatedBytes", maxInflatedBytes, in: 0...)
            check("answerTimeout", answerTimeout, above: .zero)
            check("capacity", capacity, in: 1...)
            check("retryAfter", retryAfter, in: .seconds(1)...)
        }
    }

    func takes(contentType: String?) -> Bool {
        guard let contentType else { return !requiresContentType }
        return contentTypes.isEmpty || contentTypes.contains { MediaType.matches(contentType, $0) }
            || contentTypes.contains("application/json") && MediaType.hasSuffixOfJSON(contentType)
    }

    func rejectionOfType() -> HTTPInboundResponse {
        .error(
            415, "the content type must be \(contentTypes.joined(separator: " or "))",
            headers: [.init("Accept", contentTypes.joined(separator: ", "))])
    }

    /// The message of a complete request, or the answer that refuses it. Long bodies make this slow: it runs wherever
    /// the caller is.
    /// - Parameter reserve: whether there is room in memory for so many bytes more; asked before a body is inflated.
    func message(
        of request: HTTPInboundRequest, gzip: Bool, limit: Int, reserve: (Int) -> Bool = { _ in true }
    ) -> Result<Message, HTTPRefusal> {
        var request = request
        do {
            try authenticator?.body?(request)
        } catch {
            return .failure(HTTPRefusal(authenticating: error))
        }
        do {
            if gzip {
                request.body = try Gzip.inflate(request.body, limit: maxInflatedBytes ?? limit, reserve: reserve)
            }
            return .success(try format.decode(request))
        } catch GzipError.noRoom {
            return .failure(HTTPRefusal(.noRoom(retryAfter)))
        } catch {
            return .failure(HTTPRefusal(decoding: error))
        }
    }
}

/// An answer that ends a request before it becomes a delivery.
struct HTTPRefusal: Error {
    let response: HTTPInboundResponse

    init(_ response: HTTPInboundResponse) {
        self.response = response
    }

    init(authenticating error: any Error) {
        response = (error as? HTTPRejection)?.response ?? .error(401, "the request could not be authenticated")
    }

    init(decoding error: any Error) {
        switch error {
        case let error as HTTPRejection: response = error.response
        case GzipError.corrupt: response = .error(400, "the gzip body is corrupt or incomplete")
        case GzipError.tooLarge(let limit): response = .error(413, "the gzip body inflates to more than \(limit) bytes")
        default:
            switch Disposition(of: error).kind {
            case .poison(let reason), .discard(let reason): response = .error(400, reason)
            default: response = .error(400, "the request could not be decoded")
            }
        }
    }
}
