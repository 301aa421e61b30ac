public import Sluice

/// How an authenticated request becomes a message.
///
/// ```swift
/// HTTPEndpoint("/orders", format: .body(headers: ["X-Customer": "customer"]))  // a header as metadata
/// ```
public struct HTTPMessageFormat: Sendable {
    let decode: @Sendable (HTTPInboundRequest) throws -> Message

    /// - Parameter decode: runs on an event loop for small bodies and must not block. ``HTTPRejection`` chooses the
    ///   answer; any other error is a 400, with the reason of its disposition where that is permanent.
    public init(_ decode: @escaping @Sendable (HTTPInboundRequest) throws -> Message) {
        self.decode = decode
    }

    /// The body is the payload.
    ///
    /// The media type goes to the metadata as `content_type`.
    /// - Parameters:
    ///   - headers: names of headers and the names under which their values go to the metadata; a header that is
    ///     absent leaves no entry, one with several values is refused.
    ///   - formField: of a body of type `application/x-www-form-urlencoded`, the payload is this field's value.
    ///     Nil takes such a body as it is.
    ///   - watermill: whether `Message-Uuid` names the message and `Message-Metadata`, a JSON object of strings,
    ///     becomes its metadata, as Watermill's HTTP publisher writes them. `headers` win over it. Leave it out where
    ///     the authenticator vouches for the body alone, as a signature does: any proxy on the way can add headers.
    public static func body(
        headers: KeyValuePairs<String, String> = [:], formField: String? = nil, watermill: Bool = true
    ) -> HTTPMessageFormat {
        let mapped = headers.map { (header: $0.key, name: $0.value) }
        let field = formField.map { Array($0.utf8) }
        return HTTPMessageFormat { request in
            var message = Message(payload: request.body)
            if watermill { try WatermillHeaders.apply(request.headers, to: &message) }
            if let type = request.headers["Content-Type"] {
                message.metadata["content_type"] = type
                if let field, MediaType.matches(type, MediaType.form) {
                    message.payload = try FormBody.value(of: field, in: request.body)
                }
            }
            for (header, name) in mapped {
                if let value = try request.headers.single(header) { message.metadata[name] = value }
            }
            return message
        }
    }
}

/// Bodies of type `application/x-www-form-urlencoded` (WHATWG URL, section 5.1).
enum FormBody {
    /// The decoded value of the first field of this name; never longer than the body.
    static func value(of name: [UInt8], in body: [UInt8]) throws(HTTPRejection) -> [UInt8] {
        for pair in body.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: true) {
            let end = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            guard pair[..<end].elementsEqual(name) else { continue }
            return try decoded(end < pair.endIndex ? pair[(end + 1)...] : [])
        }
        throw HTTPRejection(400, "the form has no field \(String(decoding: name, as: UTF8.self))")
    }

    private static func decoded(_ text: ArraySlice<UInt8>) throws(HTTPRejection) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var index = text.startIndex
        while index < text.endIndex {
            switch text[index] {
            case UInt8(ascii: "+"): result.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard text.endIndex - index > 2, let high = ASCII.hexValue(text[index + 1]),
                    let low = ASCII.hexValue(text[index + 2])
                else { throw HTTPRejection(400, "the form has a % without two hexadecimal digits") }
                result.append(high << 4 | low)
                index += 2
            case let byte: result.append(byte)
            }
            index += 1
        }
        return result
    }
}
