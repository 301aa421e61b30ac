extension Message {
    /// A message whose payload is this text in UTF-8: `Message(text: "hello")`.
    /// - Parameters:
    ///   - id: a new UUIDv7 unless given.
    ///   - metadata: none unless given.
    ///   - text: any.
    public init(id: MessageID = MessageID(), metadata: Metadata = [:], text: String) {
        self.init(id: id, metadata: metadata, payload: Array(text.utf8))
    }

    /// The payload as text; nil when it is not valid UTF-8. Makes a string at each use.
    public var text: String? { String(validating: payload, as: UTF8.self) }
}

extension Message: CustomStringConvertible {
    /// How much of a payload that is text ``description`` shows, in Unicode scalars.
    private static let shownPayload = 256

    /// The id, the metadata and the beginning of the payload, for debugging and tests: at most about two thousand characters.
    /// Payloads may hold secrets: nothing of Sluice logs this.
    ///
    /// `0199…: "{\"id\":7}" [correlation_id: abc]`; a payload that is no text shows as `12 bytes, 0xFF00…`.
    public var description: String {
        let content = text.map(Self.shown) ?? Self.shown(payload)
        return "\(id.shortened): \(content)\(metadata.isEmpty ? "" : " \(metadata)")"
    }

    private static func shown(_ text: String) -> String {
        let beginning = text.unicodeScalars.prefix(shownPayload)
        let isWhole = beginning.endIndex == text.endIndex
        return String(beginning).debugDescription + (isWhole ? "" : "… (\(text.utf8.count) bytes)")
    }

    private static func shown(_ bytes: [UInt8]) -> String {
        let digits = bytes.prefix(32).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return "\(bytes.count) bytes, 0x\(digits)\(bytes.count > 32 ? "…" : "")"
    }
}

extension Metadata: CustomStringConvertible {
    /// How many scalars of a name or a value, and how many entries, ``description`` shows.
    private static let shown = (text: 64, entries: 8)

    /// `[name: value, …]`, in order; long values and many entries are cut.
    public var description: String {
        var parts = prefix(Self.shown.entries).map { "\(Self.shortened($0.name)): \(Self.shortened($0.value))" }
        if count > Self.shown.entries { parts.append("and \(count - Self.shown.entries) more") }
        return parts.isEmpty ? "[:]" : "[\(parts.joined(separator: ", "))]"
    }

    private static func shortened(_ text: String) -> String {
        let beginning = text.unicodeScalars.prefix(shown.text)
        return beginning.endIndex == text.endIndex ? text : String(beginning) + "…"
    }
}

extension MessageID {
    /// Its text, cut where it is longer than an id should be.
    fileprivate var shortened: String {
        let text = description
        return text.utf8.count <= 128 ? text : String(text.unicodeScalars.prefix(64)) + "…"
    }
}
