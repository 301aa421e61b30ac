extension MessageID: Codable {
    /// From its text.
    public init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension Metadata: Codable {
    private enum Key: CodingKey {
        case name, value
    }

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// From an array of names and values, or from an object, whose entries are ordered by name.
    /// - Throws: `DecodingError`, also for more than ``MetadataLimits`` allow.
    public init(from decoder: any Decoder) throws {
        var reader = MetadataReader()
        if var entries = try? decoder.unkeyedContainer() {
            while !entries.isAtEnd, !reader.isCutOff {
                let entry = try entries.nestedContainer(keyedBy: Key.self)
                reader.take(try entry.decode(String.self, forKey: .name), try entry.decode(String.self, forKey: .value))
            }
        } else {
            let object = try decoder.container(keyedBy: Name.self)
            for name in object.allKeys.sorted(by: { $0.stringValue < $1.stringValue }) {
                reader.take(name.stringValue, try object.decode(String.self, forKey: name))
            }
        }
        guard !reader.isCutOff else {
            throw DecodingError.dataCorrupted(
                DecodingError.Context(codingPath: decoder.codingPath, debugDescription: "\(MetadataError())"))
        }
        self = reader.metadata
    }

    /// An array of objects with `name` and `value`: an object's entries have no order, and these have.
    public func encode(to encoder: any Encoder) throws {
        var entries = encoder.unkeyedContainer()
        for item in self {
            var entry = entries.nestedContainer(keyedBy: Key.self)
            try entry.encode(item.name, forKey: .name)
            try entry.encode(item.value, forKey: .value)
        }
    }
}

extension Message: Codable {
    private enum Key: String, CodingKey {
        case id, metadata, payload
        case base64 = "payload_base64"
    }

    /// `metadata` may be missing, and is empty then. The payload is the text `payload` or the Base64 of `payload_base64`.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        let payload: [UInt8]
        if let text = try fields.decodeIfPresent(String.self, forKey: .payload) {
            payload = Array(text.utf8)
        } else if let bytes = Base64.decode(try fields.decode(String.self, forKey: .base64).utf8) {
            payload = bytes
        } else {
            throw DecodingError.dataCorruptedError(forKey: .base64, in: fields, debugDescription: "it is no Base64")
        }
        self.init(
            id: try fields.decode(MessageID.self, forKey: .id),
            metadata: try fields.decodeIfPresent(Metadata.self, forKey: .metadata) ?? [:], payload: payload)
    }

    /// The payload is written as text where it is UTF-8, else as Base64.
    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Key.self)
        try fields.encode(id, forKey: .id)
        if !metadata.isEmpty { try fields.encode(metadata, forKey: .metadata) }
        if let text {
            try fields.encode(text, forKey: .payload)
        } else {
            try fields.encode(Base64.encode(payload), forKey: .base64)
        }
    }
}
