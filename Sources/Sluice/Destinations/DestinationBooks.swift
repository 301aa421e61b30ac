import Synchronization

/// How an attempt at a destination ended, for the label `result`.
public enum AttemptResult: String, Sendable, CaseIterable {
    case success
    /// It may pass.
    case failure
    /// The destination asked to slow down, or named a time.
    case throttled
    /// The destination refuses everything until a person mends it.
    case held
    /// The message is at fault.
    case refused

    init(_ disposition: Disposition) {
        self =
            switch disposition.kind {
            case .retry(after: nil): .failure
            case .retry, .throttled: .throttled
            case .hold: .held
            case .poison, .discard: .refused
            }
    }
}

/// What a destination was asked, and what it answered.
///
/// A success counts with one atomic addition: what it has to say besides is worked out when somebody looks.
struct DestinationBooks: ~Copyable, Sendable {
    struct Failure: Sendable {
        let time: MonotonicTime
        let reason: String
        let description: String
    }

    struct Figures: Sendable {
        var attempts: [AttemptResult: Int64] = [:]
        var messages: Int64 = 0
        var lastSuccess: MonotonicTime?
        var lastFailure: Failure?

        var attemptsInAll: Int64 { attempts.values.reduce(Int64(0)) { $0.addingSaturated($1) } }
    }

    struct Others: Sendable {
        var attempts: [AttemptResult: Int64] = [:]
        var last: Failure?
    }

    /// First attempts that succeeded.
    private let succeeded = Atomic<Int64>(0)
    /// First attempts that did not.
    private let failed = Atomic<Int64>(0)
    private let lastSuccess = Atomic<UInt64>(0)
    private let waitingCount = Atomic<Int>(0)
    /// Every attempt but the first that succeeded at once.
    private let others = Mutex(Others())

    /// First attempts: each is another message.
    var firsts: Int64 { succeeded.load(ordering: .relaxed) &+ failed.load(ordering: .relaxed) }

    func noteSuccess(isFirst: Bool, at time: MonotonicTime) {
        lastSuccess.store(time.nanoseconds, ordering: .relaxed)
        if isFirst {
            succeeded.wrappingAdd(1, ordering: .relaxed)
        } else {
            others.withLock { $0.attempts[.success, default: 0] += 1 }
        }
    }

    func note(_ result: AttemptResult, isFirst: Bool, _ failure: Failure) {
        if isFirst { failed.wrappingAdd(1, ordering: .relaxed) }
        others.withLock { others in
            others.attempts[result, default: 0] += 1
            others.last = failure
        }
    }

    /// Messages that wait for their next attempt, those queued behind them not counted.
    var waiting: Int { waitingCount.load(ordering: .relaxed) }

    func beginWaiting() { waitingCount.wrappingAdd(1, ordering: .relaxed) }

    func endWaiting() { waitingCount.wrappingSubtract(1, ordering: .relaxed) }

    func read() -> Figures {
        let others = others.withLock(\.self)
        let first = succeeded.load(ordering: .relaxed)
        var figures = Figures(attempts: others.attempts, lastFailure: others.last)
        figures.attempts[.success, default: 0] += first
        figures.messages = first &+ failed.load(ordering: .relaxed)
        let success = lastSuccess.load(ordering: .relaxed)
        if success > 0 { figures.lastSuccess = MonotonicTime(nanoseconds: success) }
        return figures
    }
}
