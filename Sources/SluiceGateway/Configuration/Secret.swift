/// A text that no log, error or debugger shows by accident.
///
/// ```swift
/// let token = Secret("abc")
/// logger.info("\(token)")  // <secret>
/// let header = "Bearer \(token.reveal())"
/// ```
public struct Secret: Sendable, Hashable {
    private let text: String

    public init(_ text: String) {
        self.text = text
    }

    /// The secret itself, at the one place that needs it.
    public func reveal() -> String { text }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "<secret>" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
