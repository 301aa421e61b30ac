import Sluice

/// A source under a name of its own, with what is set about it.
///
/// ```swift
/// let gateway = try Gateway(configuration, sources: [.init("forge", Forge(), authenticator: .bearer(token))])
/// ```
public struct ConfiguredSource: Sendable {
    /// The source's name: its path is `/webhooks/` and the name, its route the name and `-to-log`. 1 to 64 of the
    /// characters a-z, A-Z, 0-9, `.`, `_` and `-`; each source has one of its own.
    public let name: String
    /// What makes it.
    public var options: any SourceOptions

    /// A source of a kind, such as ``DeploymentsSource``.
    public init(_ name: String, _ options: some SourceOptions) {
        self.name = name
        self.options = options
    }

    /// The route of its requests.
    var route: String { "\(name)-to-log" }
}

extension [ConfiguredSource] {
    /// Those that cannot have their name.
    var problems: [ConfigurationError.Problem] {
        var names: Set<String> = []
        return enumerated().compactMap { index, source in
            guard SinkName.isValid(source.name) else { return SinkName.problem("sources[\(index)]", source.name) }
            guard names.insert(source.name).inserted else {
                return .init("sources.\(source.name)", expected: "a name of its own: this one is taken")
            }
            return nil
        }
    }
}
