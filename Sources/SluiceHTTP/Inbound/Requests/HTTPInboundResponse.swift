/// An answer, complete: status, header fields and body. Length, date and connection handling are added on the way out.
public struct HTTPInboundResponse: Sendable {
    /// A field of the head: a name and a value.
    public struct Header: Sendable {
        public var name: String
        public var value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public var status: Int
    /// `Content-Length`, `Date` and `Connection` must not be among them.
    public var headers: [Header]
    public var body: [UInt8]

    public init(status: Int, headers: [Header] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// 202, the answer to an acknowledged delivery.
    public static let accepted = HTTPInboundResponse(status: 202)

    /// A body of this media type.
    public static func ok(_ body: [UInt8], contentType: String) -> HTTPInboundResponse {
        HTTPInboundResponse(status: 200, headers: [Header("Content-Type", contentType)], body: body)
    }

    /// One line of JSON that says what was wrong: `{"error":"…"}`.
    public static func error(_ status: Int, _ text: String, headers: [Header] = []) -> HTTPInboundResponse {
        HTTPInboundResponse(
            status: status, headers: [Header("Content-Type", "application/json")] + headers, body: errorLine(text))
    }

    /// 503 with `Retry-After` in whole seconds: at least 1, rounded up.
    public static func unavailable(_ text: String, retryAfter: Duration) -> HTTPInboundResponse {
        let (seconds, attoseconds) = retryAfter.components
        let whole = max(1, min(seconds, 31_536_000) + (attoseconds > 0 ? 1 : 0))
        return error(503, text, headers: [Header("Retry-After", String(whole))])
    }

    /// The listener's budget for bodies is used up.
    static func noRoom(_ retryAfter: Duration) -> HTTPInboundResponse {
        .unavailable("too many large requests at once", retryAfter: retryAfter)
    }

    static func errorLine(_ text: String) -> [UInt8] {
        var line = Array(#"{"error":""#.utf8)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): line += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): line += Array("\\n".utf8)
            case 0..<0x20, 0x7F:
                line += Array("\\u00".utf8)
                line += [hexDigit(byte >> 4), hexDigit(byte & 0xF)]
            default: line.append(byte)
            }
        }
        line += Array("\"}\n".utf8)
        return line
    }

    private static func hexDigit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }
}

/// Ends a request with an answer of the thrower's choice: for authenticators and message formats.
///
/// ```swift
/// throw HTTPRejection(400, "expected an order")
/// ```
public struct HTTPRejection: Error, CustomStringConvertible {
    public let response: HTTPInboundResponse
    public let description: String

    /// - Parameters:
    ///   - status: a status from 400 to 599.
    ///   - headers: sent beside those of every answer.
    ///   - text: goes to the client; says what was wrong and shows neither payloads nor secrets.
    public init(_ status: Int, _ text: String, headers: [HTTPInboundResponse.Header] = []) {
        response = .error(status, text, headers: headers)
        description = "\(status): \(text)"
    }
}
