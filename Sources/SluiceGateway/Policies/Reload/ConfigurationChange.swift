/// A value that differs between two configurations.
struct ConfigurationChange: Sendable, Equatable {
    /// `destinations.slack.throttle.rate`.
    let name: String
    /// Nil where it was not there.
    let before: String?
    /// Nil where it is gone.
    let after: String?
    /// What it takes to have it in force.
    let effect: ConfigurationEffect

    var section: Substring { name.prefix { $0 != "." } }

    /// Everything that differs, in the order of the values. What is new or gone as a whole, such as a sink, is one change.
    static func between(_ before: [EffectiveValue], _ after: [EffectiveValue]) -> [Self] {
        let old = Dictionary(before.map { ($0.name, $0) }) { first, _ in first }
        let new = Dictionary(after.map { ($0.name, $0) }) { first, _ in first }
        let (had, has) = (Set(before.compactMap(\.whole)), Set(after.compactMap(\.whole)))
        var changes: [Self] = []
        for value in after {
            if let whole = value.whole, !had.contains(whole) {
                if changes.last?.name != whole { changes.append(Self(whole: whole, after, isNew: true)) }
            } else if let other = old[value.name] {
                if !value.isSame(as: other) { changes.append(Self(name: value.name, other, value)) }
            } else {
                changes.append(Self(name: value.name, nil, value))
            }
        }
        for value in before {
            if let whole = value.whole, !has.contains(whole) {
                if changes.last?.name != whole { changes.append(Self(whole: whole, before, isNew: false)) }
            } else if new[value.name] == nil {
                changes.append(Self(name: value.name, value, nil))
            }
        }
        return changes
    }

    /// - Parameter whole: a sink, a source or a destination, with all of its values.
    private init(whole: String, _ values: [EffectiveValue], isNew: Bool) {
        name = whole
        let kind = values.first { $0.name == "\(whole).kind" }
        let text = kind.map { "kind \($0.text)" } ?? "there"
        (before, after) = isNew ? (nil, text) : (text, nil)
        // To begin or to end touches nothing else.
        effect = whole.hasPrefix("sources.") ? .restart : .live
    }

    private init(name: String, _ before: EffectiveValue?, _ after: EffectiveValue?) {
        self.name = name
        self.before = before?.written
        self.after = after?.written
        effect = (after ?? before)?.effect ?? .restart
    }

    /// `destinations.slack.throttle.rate: 1/s → 2/s`.
    var words: String {
        switch (before, after) {
        case (let before?, let after?): "\(name): \(before) → \(after)"
        case (nil, let after?): "\(name): \(after)"
        case (let before?, nil): "\(name): \(before) → nothing"
        case (nil, nil): name
        }
    }
}
