/// Something wrong in an exposition.
public struct ExpositionProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// From 1; 0 when it concerns the whole.
    public let line: Int
    public let message: String

    public var description: String {
        line > 0 ? "line \(line): \(message)" : message
    }
}
