extension TestHTTPServer {
    /// A request that the server received in full.
    public struct Request: Sendable {
        public let method: String
        /// Path and query, as sent.
        public let target: String
        public let headers: [(name: String, value: String)]
        /// Chunked bodies are joined; no content coding is undone.
        public let body: [UInt8]
        /// Which connection it came on, from 1.
        public let connection: Int
        /// When its last byte was read.
        public let arrival: ContinuousClock.Instant

        /// The part of the target before `?`.
        public var path: String { String(target.prefix { $0 != "?" }) }

        /// The body as UTF-8.
        public var text: String { String(decoding: body, as: UTF8.self) }

        /// The first header of this name, whatever its case.
        public subscript(name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    /// What the server does about a request.
    public struct Reply: Sendable {
        public var status: Int
        /// Added to `Content-Length`, which the server sets unless it is given here.
        public var headers: [(name: String, value: String)]
        public var body: [UInt8]
        /// How long it waits before the first byte.
        public var delay: Duration
        public var fault: Fault

        public init(
            status: Int = 200, headers: KeyValuePairs<String, String> = [:], body: [UInt8] = [],
            delay: Duration = .zero, fault: Fault = .none
        ) {
            self.status = status
            self.headers = headers.map { ($0.key, $0.value) }
            self.body = body
            self.delay = delay
            self.fault = fault
        }

        public static func status(
            _ status: Int, headers: KeyValuePairs<String, String> = [:], body: String = "", delay: Duration = .zero
        ) -> Reply {
            Reply(status: status, headers: headers, body: Array(body.utf8), delay: delay)
        }

        /// Misbehaves and answers nothing, or not all.
        public static func fault(_ fault: Fault, delay: Duration = .zero) -> Reply {
            Reply(body: Array("0123456789".utf8), delay: delay, fault: fault)
        }
    }

    /// How a reply goes wrong.
    public struct Fault: Sendable {
        enum Kind: Sendable {
            case none, close, reset, never
            case truncate(Int)
            case resetAfter(Int)
            case raw([UInt8])
        }

        let kind: Kind

        public static let none = Fault(kind: .none)
        /// Closes the connection without a byte.
        public static let close = Fault(kind: .close)
        /// Resets the connection (RST) without a byte.
        public static let reset = Fault(kind: .reset)
        /// Keeps the connection open and silent until the client or `stop` ends it.
        public static let never = Fault(kind: .never)
        /// Sends the head and this many bytes of the body, then closes.
        public static func truncate(afterBodyBytes count: Int) -> Fault { Fault(kind: .truncate(count)) }
        /// Sends the head and this many bytes of the body, then resets the connection.
        public static func reset(afterBodyBytes count: Int) -> Fault { Fault(kind: .resetAfter(count)) }
        /// Sends these bytes instead of a reply, then closes.
        public static func raw(_ bytes: [UInt8]) -> Fault { Fault(kind: .raw(bytes)) }
        public static func raw(_ text: String) -> Fault { .raw(Array(text.utf8)) }
    }
}
