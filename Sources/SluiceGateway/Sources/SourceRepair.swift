/// What a source replaced or left out, so that one bad element does not refuse the rest.
public struct SourceRepair: Sendable, Hashable {
    /// For the label `fact`.
    public let word: String

    /// A commit's time cannot be read or is implausible: it is the push's own.
    public static let commitTime = SourceRepair(word: "commit_time")
    /// An element of the list of commits names no commit: it is left out.
    public static let commit = SourceRepair(word: "commit")
    /// A deployment's time cannot be read or is implausible: it is that of its receipt.
    public static let deploymentTime = SourceRepair(word: "deployment_time")
}
