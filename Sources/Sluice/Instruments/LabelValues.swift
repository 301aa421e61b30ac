/// Which values of a label from outside have series of their own: as many as the cap allows, the rest is `other`.
///
/// A value has an end, so that what is gone does not fill the cap for ever: it retires when it has not come up for long,
/// and sooner when a new one needs its place.
package struct LabelValues: Sendable {
    package static let other = "other"

    /// What becomes of a value that came up.
    package struct Admission: Sendable, Equatable {
        /// The value, or `other`.
        package let shown: String
        /// The value that has made room for it.
        package let retired: String?
    }

    private let cap: Int
    private let lifetime: Int64
    private let leastLifetime: Int64
    /// When each came up last, in seconds; nil for those that stay.
    private var values: [String: Int64?] = [:]

    /// - Parameters:
    ///   - cap: how many values are told apart.
    ///   - lifetime: after how many seconds without coming up a value retires.
    ///   - leastLifetime: after how many it does when another needs its place.
    package init(cap: Int, lifetime: Int64, leastLifetime: Int64) {
        self.cap = cap
        self.lifetime = lifetime
        self.leastLifetime = leastLifetime
    }

    /// Has a value that never retires.
    package mutating func keep(_ value: String) {
        values[value] = .some(nil)
    }

    /// - Parameter now: in seconds of a clock that is never set.
    package mutating func admit(_ value: String, at now: Int64) -> Admission {
        if value == Self.other { return Admission(shown: value, retired: nil) }
        if let last = values[value] {
            if let last { values[value] = max(last, now) }
            return Admission(shown: value, retired: nil)
        }
        var retired: String?
        if values.count >= cap {
            let oldest = values.compactMap { entry in entry.value.map { (value: entry.key, last: $0) } }
                .min { ($0.last, $0.value) < ($1.last, $1.value) }
            guard let oldest, now - oldest.last >= leastLifetime else {
                return Admission(shown: Self.other, retired: nil)
            }
            values[oldest.value] = nil
            retired = oldest.value
        }
        values[value] = .some(now)
        return Admission(shown: value, retired: retired)
    }

    /// Retires what has not come up for its lifetime.
    package mutating func expire(at now: Int64) -> [String] {
        let over = values.compactMap { entry in entry.value.flatMap { now - $0 >= lifetime ? entry.key : nil } }
        for value in over { values[value] = nil }
        return over
    }
}
