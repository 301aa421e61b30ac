import Synchronization

/// Chooses the key of a message: what keeps its order relative to others of the same key.
///
/// ```swift
/// let byCustomer = KeySelector { $0.metadata["customer"].map { Array($0.utf8) } }  // the same as .metadata("customer")
/// ```
///
/// Publishers of brokers that keep keys take one as `key:`: `log.publisher(key: .metadata("repository"))`. A route reads by it
/// with `.perKey()`, and by another, or where the broker keeps none, with `.perKey(by:)`.
public struct KeySelector: Sendable {
    private enum Identity: Equatable {
        case none
        case metadata(String)
        case made(UInt64)
    }

    package let select: @Sendable (Message) -> [UInt8]?
    private let identity: Identity
    private static let lastMade = Atomic<UInt64>(0)

    /// - Parameter select: the key, or nil for a message that has no order.
    public init(_ select: @escaping @Sendable (Message) -> [UInt8]?) {
        self.init(.made(Self.lastMade.wrappingAdd(1, ordering: .relaxed).newValue), select)
    }

    private init(_ identity: Identity, _ select: @escaping @Sendable (Message) -> [UInt8]?) {
        self.select = select
        self.identity = identity
    }

    /// No key at all.
    public static let none = KeySelector(.none) { _ in nil }

    /// The value under this name in the metadata.
    public static func metadata(_ name: String) -> KeySelector {
        KeySelector(.metadata(name)) { message in message.metadata[name].map { Array($0.utf8) } }
    }

    /// Whether no message has a key.
    package var isNone: Bool { identity == .none }

    public func callAsFunction(_ message: Message) -> [UInt8]? {
        select(message)
    }
}

/// Equal are those that are copies of one another, and those that take the same name's value.
extension KeySelector: Equatable {
    public static func == (left: KeySelector, right: KeySelector) -> Bool { left.identity == right.identity }
}
