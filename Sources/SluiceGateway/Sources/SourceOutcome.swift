/// What a webhook comes to.
public enum SourceOutcome: Sendable, Hashable {
    /// Publish these, in this order.
    case events([Event])
    /// A sender says hello: accept it.
    case ping
    /// Nothing that the gateway is interested in: accept and count it under this word.
    case ignored(String)
}
