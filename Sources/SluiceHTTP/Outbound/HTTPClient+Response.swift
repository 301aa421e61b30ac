extension HTTPClient {
    /// What a server answered, whatever its status. Redirects are answers like any other.
    ///
    /// Printing it shows the status and the target, never its headers or body.
    public struct Response: Sendable {
        /// 200 to 999; interim answers (1xx) are not shown.
        public let status: Int
        public let headers: Headers
        /// At most ``HTTPClient/Configuration/maximumBodySize`` bytes, as received: no content coding is undone.
        public let body: [UInt8]
        /// Whether the body was longer than the limit and its rest was left unread.
        public let isBodyTruncated: Bool
        /// The request's.
        public let target: String

        public init(
            status: Int, headers: Headers = Headers(), body: [UInt8] = [], isBodyTruncated: Bool = false, target: String
        ) {
            self.status = status
            self.headers = headers
            self.body = body
            self.isBodyTruncated = isBodyTruncated
            self.target = target
        }

        /// 2xx.
        public var isSuccess: Bool { (200..<300).contains(status) }
    }

    /// The header section of a response, kept as the bytes that came and read when asked.
    public struct Headers: Sendable {
        private let bytes: [UInt8]

        /// - Parameter bytes: lines of `name: value` that end in LF or CRLF; others are passed over.
        init(bytes: [UInt8]) {
            self.bytes = bytes
        }

        public init(_ headers: KeyValuePairs<String, String> = [:]) {
            bytes = Array(headers.map { "\($0.key): \($0.value)\r\n" }.joined().utf8)
        }

        /// The first value under `name`, whatever its case.
        public subscript(name: String) -> String? {
            for (candidate, value) in lines where Self.equal(candidate, name.utf8) {
                return String(decoding: value, as: UTF8.self)
            }
            return nil
        }

        /// All of them, in the order they came.
        public var all: [Header] {
            lines.map { Header(name: String(decoding: $0, as: UTF8.self), value: String(decoding: $1, as: UTF8.self)) }
        }

        private var lines: some Sequence<(ArraySlice<UInt8>, ArraySlice<UInt8>)> {
            bytes.split(separator: UInt8(ascii: "\n")).lazy.compactMap { line in
                guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon != line.startIndex,
                    line[line.startIndex].isTokenCharacter
                else { return nil }
                let value = line[(colon + 1)...].drop(while: Self.isBlank)
                let end = value.lastIndex { !Self.isBlank($0) }
                return (line[..<colon], end.map { value[...$0] } ?? value.prefix(0))
            }
        }

        private static func isBlank(_ byte: UInt8) -> Bool {
            byte == 0x20 || byte == 0x09 || byte == 0x0D
        }

        private static func equal(_ left: ArraySlice<UInt8>, _ right: String.UTF8View) -> Bool {
            left.count == right.count && zip(left, right).allSatisfy { $0.lowercased == $1.lowercased }
        }
    }
}

extension HTTPClient.Response: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "\(status) from \(target)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["status": status, "target": target]) }
}

extension HTTPClient.Headers: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "headers (redacted)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension UInt8 {
    var lowercased: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
    }
}
