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

    /// Everything that differs, in the order of the values.
    static func between(_ before: [EffectiveValue], _ after: [EffectiveValue]) -> [Self] {
        let old = Dictionary(before.map { ($0.name, $0) }) { first, _ in first }
        let new = Dictionary(after.map { ($0.name, $0) }) { first, _ in first }
        let changed = after.compactMap { value -> Self? in
            guard let other = old[value.name] else { return Self(name: value.name, nil, value) }
            return value.isSame(as: other) ? nil : Self(name: value.name, other, value)
        }
        return changed + before.filter { new[$0.name] == nil }.map { Self(name: $0.name, $0, nil) }
    }

    private init(name: String, _ before: EffectiveValue?, _ after: EffectiveValue?) {
        self.name = name
        self.before = before?.text
        self.after = after?.text
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
