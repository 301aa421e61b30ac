/// What becomes of each sink when another configuration comes into force.
struct SinkPlan {
    /// They go on; their policies may change.
    var stays: [ConfiguredSink] = []
    /// Their routes are drained and made anew.
    var restarts: [ConfiguredSink] = []
    var begins: [ConfiguredSink] = []
    /// By name.
    var ends: [String] = []
    /// The destinations of all sinks that there are then.
    var destinations: Set<String> = []

    init(from before: [ConfiguredSink], to after: [ConfiguredSink]) {
        destinations = Set(after.map(\.destination))
        for sink in after {
            guard let old = before.first(where: { $0.name == sink.name }) else {
                begins.append(sink)
                continue
            }
            if sink.needsAnotherRoute(than: old) { restarts.append(sink) } else { stays.append(sink) }
        }
        ends = before.map(\.name).filter { name in !after.contains { $0.name == name } }
    }
}

extension ConfiguredSink {
    /// Whether more has changed than policies. Where a sink begins counts for a new group alone.
    func needsAnotherRoute(than other: ConfiguredSink) -> Bool {
        group != other.group || destination != other.destination || ordering != other.ordering || only != other.only
            || !hasSameOptions(as: other)
    }

    /// Options that cannot be compared are not the same: too much is started anew rather than too little.
    func hasSameOptions(as other: ConfiguredSink) -> Bool {
        guard let mine = options as? any Hashable, let its = other.options as? any Hashable else { return false }
        return AnyHashable(mine) == AnyHashable(its)
    }
}
