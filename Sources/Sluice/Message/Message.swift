/// What is published and handled: an id, metadata, and a payload of bytes.
///
/// ```swift
/// let message = Message(metadata: ["customer": "acme"], payload: Array("7".utf8))
/// ```
///
/// A value, immutable by habit. The payload is shared between copies, never duplicated.
public struct Message: Sendable, Hashable {
    public var id: MessageID
    public var metadata: Metadata
    public var payload: [UInt8]

    /// - Parameters:
    ///   - id: a new UUIDv7 unless given.
    ///   - metadata: none unless given.
    ///   - payload: any bytes.
    public init(id: MessageID = MessageID(), metadata: Metadata = [:], payload: [UInt8]) {
        self.id = id
        self.metadata = metadata
        self.payload = payload
    }

    /// About how many bytes a message takes up in memory beside its content.
    package static let overhead = 256

    /// About how many bytes it takes up in memory.
    package var size: Int { Self.overhead + payload.count + metadata.size }
}
