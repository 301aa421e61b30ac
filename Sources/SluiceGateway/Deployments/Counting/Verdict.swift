/// What a deployment turned out to be, as far as metrics count it.
struct Verdict: Sendable, Hashable {
    /// Which deployment, for as long as it is kept.
    struct Key: Sendable, Hashable {
        let service: String
        let environment: String
        /// The fact's.
        let id: String
    }

    /// What of it is counted, each once.
    struct Parts: OptionSet, Sendable, Hashable {
        let rawValue: Int

        /// Its kind, its commits' lead times, whether it is rework.
        static let kind = Parts(rawValue: 1)
        static let failure = Parts(rawValue: 2)
        static let recovery = Parts(rawValue: 4)

        static let all: [Parts] = [.kind, .failure, .recovery]
    }

    let key: Key
    let kind: DeploymentKind
    /// In milliseconds, of the commits that it brought first.
    let leadTimes: [Int64]
    let hasFailed: Bool
    /// In milliseconds.
    let recovery: Int64?

    /// What there is to count.
    var parts: Parts {
        var parts: Parts = .kind
        if hasFailed { parts.insert(.failure) }
        if recovery != nil { parts.insert(.recovery) }
        return parts
    }

    /// The same for as long as the part says the same.
    func state(of part: Parts) -> Int {
        var hasher = Hasher()
        switch part {
        case .kind:
            hasher.combine(kind)
            hasher.combine(leadTimes)
        case .recovery: hasher.combine(recovery)
        default: hasher.combine(hasFailed)
        }
        return hasher.finalize()
    }
}
