import Foundation
import Sluice

extension Snapshot.State {
    /// What keeps a route from taking messages; nil while nothing does.
    init?(_ route: Router.RouteStatus) {
        if !route.isRunning {
            self = ["draining": .draining, "stopped": .stopped][route.note ?? ""] ?? .connecting
        } else if route.isPaused {
            self = .paused
        } else {
            return nil
        }
    }

    init(_ why: Destination.Status.Shut.Why) {
        self =
            switch why {
            case .retryAfter: .shut
            case .held: .held
            case .breaker: .breakerOpen
            }
    }
}

extension Snapshot.Destination {
    /// What the destination's books say.
    mutating func take(_ status: Destination.Status) {
        shutBy = status.shut?.why.rawValue
        shutReason = status.shut?.reason
        failingSince = status.failingSince ?? status.shut?.since
        nextAttempt = status.nextAttempt
        waiting = Int64(status.waiting)
        waitingForBudget = Int64(status.waitingForBudget)
        waitingForThrottle = Int64(status.waitingForThrottle)
        waitingForConcurrency = Int64(status.waitingForSlot)
        budgetRemaining = status.budgetRemaining
        amplification = status.amplification
        attempts = AttemptResult.allCases.compactMap { result in
            status.attempts[result].flatMap { $0 > 0 ? Snapshot.Count(result.rawValue, $0) : nil }
        }
        lastSuccess = status.lastSuccess
        lastFailure = status.lastFailure.map {
            Snapshot.Failure(
                time: $0.time, reason: $0.reason, description: $0.description.truncated(toBytes: 512))
        }
        failures = status.causes.map { Snapshot.Cause(reason: $0.reason, count: $0.count, last: $0.last) }
    }
}

extension Destination.Status {
    var attemptsInAll: Int64 { attempts.values.reduce(0) { $0.addingSaturated($1) } }
}

extension Timestamp {
    /// Of a gauge, where 0 means that there is none.
    init?(seconds: Double?) {
        guard let seconds, seconds > 0 else { return nil }
        self.init(millisecondsSince1970: Int64(saturating: seconds * 1_000))
    }
}

extension Sequence {
    /// The first of those that have the same value there, in their order.
    func uniqued(by key: (Element) -> some Hashable) -> [Element] {
        var known: Set<AnyHashable> = []
        return filter { known.insert(AnyHashable(key($0))).inserted }
    }
}

/// The values that are in force, by the section that they belong to.
struct EffectiveIndex: Sendable {
    private var sections: [String: [Snapshot.Value]] = [:]

    init(_ values: [EffectiveValue]) {
        for value in values where value.path.count > 2 {
            sections["\(value.path[0]).\(value.path[1])", default: []].append(Snapshot.Value(value))
        }
    }

    subscript(section: String, name: String) -> [Snapshot.Value] { sections["\(section).\(name)"] ?? [] }
}

extension Snapshot.Value {
    init(_ value: EffectiveValue) {
        self.init(
            key: value.name, value: value.written, origin: "\(value.origin)", change: "\(value.effect)")
    }
}

/// What files take, and what is left for them.
enum FileSpace {
    static func bytes(of files: [String]) -> Int64 {
        files.reduce(0) { sum, file in
            var status = stat()
            return stat(file, &status) == 0 ? sum.addingSaturated(Int64(status.st_size)) : sum
        }
    }

    /// Nil where the system does not say.
    static func free(at path: String) -> Int64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return overflow ? .max : Int64(clamping: bytes)
    }
}
