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
        let json = JSONWriter.object(isASCII: true) { json in
            for entry in metadata { json.member(entry.name, entry.value) }
        }
        return String(decoding: json, as: UTF8.self)
    }
}
