import Sluice

/// Decides when a consumer commits, and how it goes on after a commit that failed. A state machine without I/O.
struct CommitCourse {
    /// What a commit that failed says of the next one.
    struct Failure: Equatable {
        enum Cause {
            /// The group is changing: that is no fault, and what is settled is committed afterwards.
            case changing
            /// The brokers take less metadata.
            case tooLarge
            case other
        }

        let cause: Cause
        /// Whether to commit the same again is of no use: the group has given the member up, or the user may not.
        var isHopeless = false
    }

    private let interval: Duration
    private let heartbeatInterval: Duration
    private(set) var isUnderWay = false
    private var last = MonotonicTime.longAgo
    /// None is made before.
    private var pause = MonotonicTime.longAgo
    /// When a last commit that failed is tried again.
    private var retry = MonotonicTime.longAgo
    /// How often in a row committing has failed.
    private var failures = 0
    private var isHopeless = false
    /// How long the brokers let the metadata be, as far as is known.
    private(set) var metadataLimit = SettledOffsets.metadataLimit

    var hasFailed: Bool { failures > 0 }

    private static let backoff = Backoff.exponential(from: .milliseconds(250), upTo: .seconds(10), jitter: false)
    private static let retryDelay = Duration.milliseconds(200)

    init(interval: Duration, heartbeatInterval: Duration) {
        self.interval = interval
        self.heartbeatInterval = heartbeatInterval
    }

    /// From when on a commit may be made; nil while that depends on an answer.
    /// - Parameters:
    ///   - allowed: by the client's traffic with its group.
    ///   - isLast: whether the course waits for it: then it is tried again soon.
    func time(allowed: MonotonicTime?, isLast: Bool) -> MonotonicTime? {
        allowed.map { isLast ? max($0, retry) : $0 }
    }

    /// When the next one is made of itself; nil while none can be.
    /// - Parameter time: from when on one may be made.
    func due(from time: MonotonicTime?) -> MonotonicTime? {
        isUnderWay ? nil : time.map { max($0, pause, last.advanced(by: interval)) }
    }

    /// Whether a last commit may be made now.
    func verdict(from time: MonotonicTime?, now: MonotonicTime) -> MemberCourse.Committing {
        if isUnderWay { return .underWay }
        if isHopeless { return .hopeless }
        return time.map { now >= $0 } ?? false ? .possible : .blocked
    }

    // MARK: What happens

    mutating func begin(_ now: MonotonicTime) {
        last = now
        isUnderWay = true
    }

    mutating func succeed() {
        isUnderWay = false
        renew()
        failures = 0
    }

    mutating func fail(_ failure: Failure, _ now: MonotonicTime) {
        isUnderWay = false
        isHopeless = failure.isHopeless
        retry = now.advanced(by: failure.cause == .tooLarge ? .zero : Self.retryDelay)
        failures += 1
        switch failure.cause {
        case .changing: pause = now.advanced(by: heartbeatInterval * 2)
        case .tooLarge: metadataLimit = metadataLimit > 64 ? metadataLimit / 2 : 0
        case .other: pause = now.advanced(by: Self.backoff.bound(beforeRetry: failures))
        }
    }

    /// The client that was asked is gone.
    mutating func forget() {
        isUnderWay = false
    }

    /// What failed before says nothing of the commit that comes.
    mutating func renew() {
        isHopeless = false
        retry = .longAgo
    }
}
