public import Sluice

/// A message on its way through text, with what a broker holds of it beside a `Message`.
public struct CarriedMessage: Sendable, Equatable {
    public var message: Message
    /// Nil for none, which is not an empty key.
    public var key: [UInt8]?
    /// Whether there is no payload at all. Kafka tells that from an empty one: compaction deletes the key with it.
    public var isNull = false
    /// Metadata whose values are not text: bytes, or nil for no value at all. The message holds them as well as they can
    /// be shown.
    public var exactMetadata: [String: [UInt8]?] = [:]

    public init(_ message: Message, key: [UInt8]? = nil, isNull: Bool = false) {
        self.message = message
        self.key = key
        self.isNull = isNull
    }

    /// Whether a ``Message`` holds all of it.
    var isPlain: Bool { key == nil && !isNull && exactMetadata.isEmpty }
}
