/// The name under which messages are published and read. What it is made of (a table, a queue, a path) is the
/// adapter's to say.
public struct Topic: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let name: String

    public init(_ name: String) {
        self.name = name
    }

    public init(stringLiteral value: String) {
        name = value
    }

    public var description: String { name }
}
