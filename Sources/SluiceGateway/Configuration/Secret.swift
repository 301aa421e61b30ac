/// A text that no log, error or debugger shows by accident.
public struct Secret: Sendable, Hashable {
    private let text: String

    public init(_ text: String) {
        self.text = text
    }

    /// The secret itself, at the one place that needs it.
    public func reveal() -> String { text }

    /// Whether `other` is the secret, in a time that tells nothing but its length.
    public func matches(_ other: some Collection<UInt8>) -> Bool {
        guard text.utf8.count == other.count else { return false }
        var difference: UInt8 = 0
        for (left, right) in zip(text.utf8, other) { difference |= left ^ right }
        return difference == 0
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "<secret>" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
