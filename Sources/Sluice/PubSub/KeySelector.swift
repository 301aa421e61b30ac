/// Chooses the key of a message: what keeps its order relative to others of the same key.
public struct KeySelector: Sendable {
    package let select: @Sendable (Message) -> [UInt8]?

    /// - Parameter select: the key, or nil for a message that has no order.
    public init(_ select: @escaping @Sendable (Message) -> [UInt8]?) {
        self.select = select
    }

    /// No key at all.
    public static let none = KeySelector { _ in nil }

    /// The value under this name in the metadata.
    public static func metadata(_ name: String) -> KeySelector {
        KeySelector { message in message.metadata[name].map { Array($0.utf8) } }
    }

    public func callAsFunction(_ message: Message) -> [UInt8]? {
        select(message)
    }
}
