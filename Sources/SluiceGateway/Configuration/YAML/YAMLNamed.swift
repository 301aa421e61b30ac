/// An entry of a mapping whose keys are names that people choose.
struct YAMLNamed<Value: Sendable>: Sendable {
    let name: String
    let place: YAMLValue.Place
    var value: Value

    /// Reads the entries of a mapping.
    static func read(
        _ value: YAMLValue, _ faults: inout YAMLFaults,
        _ read: (_ name: String, YAMLValue, inout YAMLFaults) -> Value?
    ) -> [Self] {
        guard case .mapping(let entries) = value.content else {
            if case .null = value.content { return [] }
            faults.expect("a mapping whose keys are names", at: value)
            return []
        }
        return entries.compactMap { entry in
            guard SinkName.isValid(entry.key) else {
                faults.add("expected a name of \(SinkName.expectation)", at: entry.place)
                return nil
            }
            return read(entry.key, entry.shown, &faults).map { Self(name: entry.key, place: entry.place, value: $0) }
        }
    }
}
