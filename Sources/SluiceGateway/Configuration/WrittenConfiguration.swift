/// How a configuration was written: what stands in the file, and in the environment. It holds secrets, and so shows nothing.
struct WrittenConfiguration: Sendable {
    /// The file that it was read from; nil where it was none.
    var origin: ConfigurationFile.Origin?
    /// What stands in the file.
    var document: YAMLValue?
    /// What the environment says, by the names of its variables.
    var environment: [String: Secret] = [:]
}

extension WrittenConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    var description: String { origin?.path ?? "the environment" }
    var debugDescription: String { description }
    var customMirror: Mirror { Mirror(self, children: []) }
}
