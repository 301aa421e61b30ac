import Sluice

/// Which verdicts are not counted yet, and which services have to be judged anew when facts come: those alone that the facts may
/// say something of.
struct VerdictBook {
    /// What has to be judged.
    enum Stale: Equatable {
        case everything
        case services(Set<String>)

        var isEmpty: Bool { self == .services([]) }
    }

    /// A service is judged at least so often, in seconds: its gauges are of the last 30 days.
    private static let longest: Int64 = 86_400
    /// How many are judged for that at once.
    private static let atOnce = 100

    private var timer: VerdictTimer
    /// Not counted yet, by service.
    private var open: [String: [(verdict: Verdict, counted: Verdict.Parts)]] = [:]
    private var repositories: [String: Set<String>] = [:]
    private var unnamed: Set<String> = []
    private var judgedAt: [String: Int64] = [:]

    init(patience: Int64) {
        timer = VerdictTimer(patience: patience)
    }

    /// - Parameter clock: seconds of a clock that is never set.
    func stale(_ changes: LedgerChanges, at clock: Int64) -> Stale {
        if changes.isEverything { return .everything }
        var services = changes.services
        if !changes.repositories.isEmpty {
            for (service, known) in repositories where !known.isDisjoint(with: changes.repositories) {
                services.insert(service)
            }
            // A commit that was not heard of may have come now.
            services.formUnion(unnamed.filter { open[$0] != nil })
        }
        let old = judgedAt.lazy.filter { clock - $0.value >= Self.longest }.map(\.key).prefix(Self.atOnce)
        return .services(services.union(old))
    }

    /// Where the commits of these services were found.
    func repositories(of services: Set<String>) -> Set<String> {
        services.reduce(into: []) { $0.formUnion(repositories[$1] ?? []) }
    }

    mutating func replace(_ stale: Stale, by found: VerdictFinder.Found, at clock: Int64) {
        switch stale {
        case .everything: (open, repositories, unnamed, judgedAt) = ([:], [:], [], [:])
        case .services(let services):
            for service in services {
                open[service] = nil
                repositories[service] = nil
                judgedAt[service] = nil
            }
            unnamed.subtract(services)
        }
        for said in found.verdicts { open[said.verdict.key.service, default: []].append(said) }
        for (service, names) in found.repositories { repositories[service] = names }
        unnamed.formUnion(found.unnamed)
        for place in found.places { if let service = place.service { judgedAt[service] = clock } }
    }

    /// Of which not everything was counted.
    var verdicts: [Verdict] { open.values.joined().map(\.verdict) }

    /// Takes over what of them has been counted meanwhile.
    mutating func refresh(_ counted: [Verdict.Key: Verdict.Parts]) {
        for (service, said) in open {
            let rest = said.compactMap { verdict, known -> (verdict: Verdict, counted: Verdict.Parts)? in
                let known = known.union(counted[verdict.key] ?? [])
                return verdict.parts.isSubset(of: known) ? nil : (verdict, known)
            }
            open[service] = rest.isEmpty ? nil : rest
        }
    }

    /// - Parameter isTaken: whether this process counts what is due.
    mutating func due(at clock: Int64, isTaken: Bool) -> [(verdict: Verdict, parts: Verdict.Parts)] {
        timer.take(open.values.joined(), at: clock, isTaken: isTaken)
    }

    mutating func giveBack(_ due: [(verdict: Verdict, parts: Verdict.Parts)], at clock: Int64) {
        timer.giveBack(due, at: clock)
    }
}
