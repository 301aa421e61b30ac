public import Sluice

/// Makes the request that carries a message: Watermill's `MarshalMessageFunc`.
///
/// ```swift
/// let marshaler = HTTPMarshaler { message, topic in
///     HTTPClient.Request("PUT", "https://shop.example/\(topic)/\(message.id)", target: "shop", body: message.payload)
/// }
/// ```
public struct HTTPMarshaler: Sendable {
    package let marshal: @Sendable (Message, Topic) throws -> HTTPClient.Request

    /// - Parameter marshal: an error from it is the message's; it should carry a disposition.
    public init(_ marshal: @escaping @Sendable (Message, Topic) throws -> HTTPClient.Request) {
        self.marshal = marshal
    }

    /// The header that carries the message's id.
    public static let idHeader = "Message-Uuid"
    /// The header that carries the metadata as an object of strings in JSON.
    public static let metadataHeader = "Message-Metadata"

    /// What Watermill's HTTP publisher sends by default: a POST of the payload with the id and the metadata in headers.
    /// - Parameters:
    ///   - credentials: sent with each request, and never shown. Default: none.
    ///   - url: where to; nil takes the topic's name as the URL, as Watermill does.
    ///   - target: names the destination in errors and labels.
    ///   - headers: sent with each request beside the two.
    public static func watermill(
        to url: String? = nil, target: String = "http", headers: KeyValuePairs<String, String> = [:],
        credentials: Credentials? = nil
    ) -> HTTPMarshaler {
        let fixed = headers.map { HTTPClient.Header(name: $0.key, value: $0.value) }
        return HTTPMarshaler { message, topic in
            var request = HTTPClient.Request(
                "POST", url ?? topic.name, target: target, body: message.payload, credentials: credentials)
            request.headers.reserveCapacity(fixed.count + 2)
            request.headers.append(.init(name: idHeader, value: message.id.description))
            request.headers.append(.init(name: metadataHeader, value: json(message.metadata)))
            request.headers.append(contentsOf: fixed)
            return request
        }
    }

    /// The metadata as JSON in ASCII: what a header can carry through every proxy.
    static func json(_ metadata: Metadata) -> String {
        var text = "{"
        for entry in metadata {
            if text.utf8.count > 1 { text += "," }
            append(entry.name, to: &text)
            text += ":"
            append(entry.value, to: &text)
        }
        text += "}"
        return text
    }

    private static func append(_ value: String, to text: inout String) {
        text += "\""
        for unit in value.utf16 {
            switch unit {
            case 0x22: text += "\\\""
            case 0x5C: text += "\\\\"
            case 0x20..<0x7F: text.unicodeScalars.append(Unicode.Scalar(UInt8(truncatingIfNeeded: unit)))
            default:
                let digits = String(unit, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        text += "\""
    }
}
