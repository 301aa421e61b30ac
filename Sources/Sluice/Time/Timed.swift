/// What a router uses and what goes by a time: its subscribers, publishers and stores.
public protocol Timed: Sendable {
    /// The time that it goes by; nil when it needs none, and so fits every router. The machine's unless implemented: what
    /// has threads or connections of its own can go by no other, and a router in virtual time refuses it
    /// (``ConfigurationError``).
    var time: RouterTime? { get }
}

extension Timed {
    public var time: RouterTime? { .real }
}

extension RouterTime {
    /// Refuses a part that goes by another time than this.
    /// - Parameters:
    ///   - field: what the part is, for the error, such as `Route.subscriber`.
    ///   - name: the part's own name.
    package func require(_ part: any Timed, _ field: String, _ name: String) throws(ConfigurationError) {
        guard let other = part.time, other != self else { return }
        let expected =
            switch (isVirtual, other.isVirtual) {
            case (true, false):
                "what goes by the router's virtual time; `\(name)` goes by the machine's, as whatever has threads or"
                    + " connections of its own does"
            case (true, true): "what goes by the router's virtual time; `\(name)` goes by another"
            case (false, _): "what goes by the machine's time; `\(name)` goes by a virtual one"
            }
        throw ConfigurationError(field, expected: expected)
    }
}
