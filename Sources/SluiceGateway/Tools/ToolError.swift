/// Why a tool cannot do what it was asked to.
public struct ToolError: Error, CustomStringConvertible {
    public let description: String
    /// What the command ends with. Default 1.
    public let exitStatus: Int32

    init(_ description: String, exitStatus: Int32 = 1) {
        self.description = description
        self.exitStatus = exitStatus
    }
}
