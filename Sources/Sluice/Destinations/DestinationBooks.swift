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
/// First attempts that succeed, which are most of all, are counted by the ledgers of the routes, under a lock that they take
/// anyway: nothing is written here for them.
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
        var causes = FailureCauses()
        /// When the attempts began to fail of which none has succeeded since.
        var failingSince: MonotonicTime?

        var attemptsInAll: Int64 { attempts.values.reduce(Int64(0)) { $0.addingSaturated($1) } }
    }

    struct Others: Sendable {
        var attempts: [AttemptResult: Int64] = [:]
        var last: Failure?
        var causes = FailureCauses()
        /// First attempts that failed.
        var firsts: Int64 = 0
        /// When an attempt after a message's first last succeeded.
        var lastSuccess: UInt64 = 0
        var outage: Outage?
    }

    /// Failures with no success between them.
    struct Outage: Sendable {
        let start: MonotonicTime
        /// How many attempts had succeeded when it began.
        let successes: Int64
    }

    /// The routes' counts of first attempts that succeeded.
    struct Ledgers: Sendable {
        var running: [FlowLedger] = []
        /// What those said that have stopped.
        var successes: Int64 = 0
        var lastSuccess: UInt64 = 0

        var sum: (successes: Int64, last: UInt64) {
            running.reduce((successes, lastSuccess)) { sum, ledger in
                let books = ledger.read()
                return (sum.0.addingSaturated(books.firstSuccesses), max(sum.1, books.lastFirstSuccess))
            }
        }
    }

    private let waitingCount = Atomic<Int>(0)
    /// Every attempt but first ones that succeeded.
    private let others = Mutex(Others())
    private let ledgers = Mutex(Ledgers())

    /// Counts what a route delivers from now on.
    func add(_ ledger: FlowLedger) {
        ledgers.withLock { $0.running.append(ledger) }
    }

    /// The route has stopped: its sums stay.
    func remove(_ ledger: FlowLedger) {
        ledgers.withLock { ledgers in
            guard let index = ledgers.running.firstIndex(where: { $0 === ledger }) else { return }
            let books = ledgers.running.remove(at: index).read()
            ledgers.successes = ledgers.successes.addingSaturated(books.firstSuccesses)
            ledgers.lastSuccess = max(ledgers.lastSuccess, books.lastFirstSuccess)
        }
    }

    /// First attempts: each is another message.
    var firsts: Int64 {
        ledgers.withLock(\.sum).successes.addingSaturated(others.withLock(\.firsts))
    }

    /// Attempts that have succeeded.
    var successes: BreakerBook.Successes {
        let first = ledgers.withLock(\.sum).successes
        return BreakerBook.Successes(firsts: first, all: others.withLock { $0.successes(first) })
    }

    /// An attempt after a message's first has succeeded.
    func noteLaterSuccess(at time: MonotonicTime) {
        others.withLock { others in
            others.attempts[.success, default: 0] += 1
            others.lastSuccess = max(others.lastSuccess, time.nanoseconds)
        }
    }

    func note(_ result: AttemptResult, isFirst: Bool, _ failure: Failure) {
        let first = ledgers.withLock(\.sum).successes
        others.withLock { others in
            if isFirst { others.firsts += 1 }
            others.attempts[result, default: 0] += 1
            others.last = failure
            others.causes.note(failure.reason, at: failure.time)
            others.noteOutage(result, at: failure.time, others.successes(first))
        }
    }

    /// Messages that wait for their next attempt, those queued behind them not counted.
    var waiting: Int { waitingCount.load(ordering: .relaxed) }

    func beginWaiting() { waitingCount.wrappingAdd(1, ordering: .relaxed) }

    func endWaiting() { waitingCount.wrappingSubtract(1, ordering: .relaxed) }

    func read() -> Figures {
        let others = others.withLock(\.self)
        let first = ledgers.withLock(\.sum)
        var figures = Figures(attempts: others.attempts, lastFailure: others.last, causes: others.causes)
        figures.attempts[.success, default: 0] += first.successes
        figures.messages = first.successes.addingSaturated(others.firsts)
        let success = max(first.last, others.lastSuccess)
        if success > 0 { figures.lastSuccess = MonotonicTime(nanoseconds: success) }
        if let outage = others.outage, outage.successes == others.successes(first.successes) {
            figures.failingSince = outage.start
        }
        return figures
    }
}

extension DestinationBooks.Others {
    /// - Parameter first: first attempts that have succeeded.
    fileprivate func successes(_ first: Int64) -> Int64 { first.addingSaturated(attempts[.success] ?? 0) }

    /// One that refuses a message for the message's own sake works.
    fileprivate mutating func noteOutage(_ result: AttemptResult, at time: MonotonicTime, _ successes: Int64) {
        switch result {
        case .success, .refused: outage = nil
        case .failure, .throttled, .held:
            if outage?.successes != successes { outage = .init(start: time, successes: successes) }
        }
    }
}
