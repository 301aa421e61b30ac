/// Chooses the key of a message: what keeps its order relative to others of the same key.
///
/// Publishers of brokers that keep keys take one as `key:`: `log.publisher(key: .metadata("repository"))`. A route reads by it
/// with `.perKey()`, and by another, or where the broker keeps none, with `.perKey(by:)`.
public struct KeySelector: Sendable {
    package let select: @Sendable (Message) -> [UInt8]?
    /// Whether no message has a key.
    package let isNone: Bool

    /// - Parameter select: the key, or nil for a message that has no order.
    public init(_ select: @escaping @Sendable (Message) -> [UInt8]?) {
        self.select = select
        isNone = false
    }

    private init(none: Void) {
        select = { _ in nil }
        isNone = true
    }

    /// No key at all.
    public static let none = KeySelector(none: ())

    /// The value under this name in the metadata.
    public static func metadata(_ name: String) -> KeySelector {
        KeySelector { message in message.metadata[name].map { Array($0.utf8) } }
    }

    public func callAsFunction(_ message: Message) -> [UInt8]? {
        select(message)
    }
}
