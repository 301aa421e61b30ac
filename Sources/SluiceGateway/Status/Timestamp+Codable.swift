public import Sluice

/// As RFC 3339 writes it, in UTC with milliseconds: `"2026-01-02T03:04:05.678Z"`.
extension Timestamp: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let time = RFC3339.parse(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "expected a time of RFC 3339")
        }
        self = time
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(RFC3339.format(self))
    }
}
