/// Why a tool cannot do what it was asked to.
public struct ToolError: Error, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
