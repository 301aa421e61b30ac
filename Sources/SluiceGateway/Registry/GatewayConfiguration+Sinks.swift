extension GatewayConfiguration {
    /// Which sinks there are. Of the environment's kinds also those that are not configured; a file has no others.
    public var sinkStates: [String: Bool] {
        let kinds = written.document == nil ? Self.ofEnvironment : []
        var states = Dictionary(uniqueKeysWithValues: kinds.map { ($0.name, false) })
        for sink in sinks { states[sink.name] = true }
        return states
    }

    /// The names that sinks have which the environment configures, for help texts: `a, b, or console`.
    public static var sinkNames: String {
        (ofEnvironment.map(\.name) + [Registry.fallback.name]).joined(last: "or", comma: true)
    }

    /// The kinds that the environment can configure.
    private static var ofEnvironment: [SinkKind] { Registry.sinks.filter { !$0.options.isEmpty } }

    /// One of them, for examples.
    public static var exampleSink: String { ofEnvironment.last?.name ?? Registry.fallback.name }

    /// Its consumer group.
    public static var exampleGroup: String { ConfiguredSink.group(exampleSink) }

    /// What the gateway does, in one line.
    public static var abstract: String {
        let sources = Registry.sources.map(\.intake).joined(last: "and")
        let sinks = Registry.sinks.map(\.title).joined(last: "and")
        return "An observability-first event gateway: \(sources) in, \(sinks) out."
    }
}
