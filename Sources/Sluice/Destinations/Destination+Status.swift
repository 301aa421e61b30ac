extension Destination {
    /// What the books of a destination say at one moment.
    public struct Status: Sendable {
        /// Why nothing is sent.
        public struct Shut: Sendable, Equatable {
            /// What shut it: the label `why`.
            public enum Why: String, Sendable, CaseIterable {
                /// It has named a time.
                case retryAfter = "retry_after"
                /// It refuses everything until a person mends it.
                case held
                /// It fails, and is given a rest.
                case breaker
            }

            public let why: Why
            /// What the destination answered, such as `http_429`, or what a person has to mend.
            public let reason: String
            /// Since when its breaker is not closed; nil for everything else, and for one that is forced open.
            public internal(set) var since: Timestamp?
            /// Whether a probe of its breaker is under way.
            var isProbed = false

            /// Whether it refuses everything until a person mends it.
            public var isHeld: Bool { why == .held }
        }

        /// How an attempt failed.
        public struct Failure: Sendable {
            public let time: Timestamp
            /// A short word, such as `http_503`.
            public let reason: String
            public let description: String
        }

        /// Attempts that failed for one reason.
        public struct Cause: Sendable, Equatable {
            /// A short word, such as `http_503`; `other` for those beyond the first 15.
            public let reason: String
            public let count: Int64
            /// When one last did.
            public let last: Timestamp
        }

        public let name: String
        /// Nil while its gate is open, it is not held, and its breaker is closed.
        public let shut: Shut?
        /// When it is asked next: the opening of its gate, or the turn of the first that waits for the budget. Nil while
        /// nothing keeps an attempt from being made.
        public let nextAttempt: Timestamp?
        /// Messages that wait for their next attempt; those queued behind them are not among them.
        public let waiting: Int
        /// Those of them that stand in line for the budget.
        public let waitingForBudget: Int
        /// Those that wait for their turn at the throttle.
        public let waitingForThrottle: Int
        /// Those that wait for a slot among the attempts that it gets at once.
        public let waitingForSlot: Int
        /// The share of the budget that is left, from 0 to 1; 1 where there is no budget.
        public let budgetRemaining: Double
        /// Attempts in all, by how they ended.
        public let attempts: [AttemptResult: Int64]
        /// Distinct messages that were attempted: redeliveries of this process are not counted again.
        public let messages: Int64
        /// When an attempt last succeeded. Without a metrics backend, when its message came in.
        public let lastSuccess: Timestamp?
        public let lastFailure: Failure?
        /// All failures by their reasons, the latest first, at most 16.
        public let causes: [Cause]
        /// Since when every attempt has failed: of an outage that lasts, and of nothing else. Nil after a success, after an
        /// answer that refuses one message for its own sake, and once nothing waits and nothing has failed for 10 minutes.
        public let failingSince: Timestamp?
        /// How long that is, as far as it is known: up to now while messages wait, else up to the last failure.
        let outage: Duration
        /// When it was read.
        let now: Timestamp

        /// The reason of a breaker that a person has opened.
        package static let forced = "forced"

        /// Attempts for each distinct message: 1 is perfect. Nil before the first message.
        public var amplification: Double? {
            let attempts = attempts.values.reduce(Int64(0)) { $0.addingSaturated($1) }
            return messages > 0 ? Double(attempts) / Double(messages) : nil
        }

        /// From then on an outage is more than a hiccup.
        private static let patience = Duration.seconds(60)

        /// What is not as it should be, in words; nil when all is well. A failure that may pass is worth a note when none has
        /// succeeded for a minute.
        public var note: String? { note(waiting: waiting) }

        /// - Parameter count: how many messages wait, for one who knows also of those that are queued.
        package func note(waiting count: Int) -> String? {
            let waiting = "\(count) \(count == 1 ? "message waits" : "messages wait")"
            let time = nextAttempt.map(\.clockText)
            if let shut, shut.isHeld {
                return "held: \(shut.reason); " + (time.map { "asked again at \($0); " } ?? "") + waiting
            }
            if let shut, shut.why == .breaker {
                guard shut.reason != Self.forced else { return "the breaker is forced open; \(waiting)" }
                let since = shut.since.map { " since \($0.text(on: now))" } ?? ""
                let next =
                    shut.isProbed
                    ? "an attempt is under way" : time.map { "asked again at \($0)" } ?? "the next message finds out"
                return "the breaker is open\(since): attempts fail (\(shut.reason)); \(next); \(waiting)"
            }
            let outage = outage > Self.patience ? "has failed for \(outage.roundedText)" : nil
            if let shut, let time {
                let lasts = outage.map { ", and \($0)" } ?? ""
                return "shut until \(time): it answered \(shut.reason)\(lasts); \(waiting)"
            }
            let isUsedUp = waitingForBudget > 0
            guard isUsedUp || outage != nil else { return nil }
            let budget = isUsedUp ? ", and the retry budget is used up" : ""
            return "\(outage ?? "attempts fail") (\(lastFailure?.reason ?? "unknown"))\(budget); \(waiting)"
        }
    }

    private func shut(
        at now: MonotonicTime, _ failure: DestinationBooks.Failure?, _ wall: (MonotonicTime) -> Timestamp
    ) -> Status.Shut? {
        if let cause = gate.cause(at: now) {
            return Status.Shut(why: cause.isHold ? .held : .retryAfter, reason: cause.reason)
        }
        guard !breaker.isPassable else { return nil }
        let figures = breaker.read()
        guard figures.force != .open else { return Status.Shut(why: .breaker, reason: Status.forced) }
        return Status.Shut(
            why: .breaker, reason: failure?.reason ?? "unknown", since: figures.since.map(wall),
            isProbed: figures.isProbing)
    }

    /// When the first that waits is asked; nil when nothing keeps an attempt from being made.
    private func nextAttempt(at now: MonotonicTime, _ turn: MonotonicTime?) -> MonotonicTime? {
        if let opening = gate.opening(at: now) { return opening }
        guard let until = breaker.read().until else { return turn }
        // After its rest it is open until a message comes.
        return until > now ? until : nil
    }

    /// A failure that nothing has followed for so long says nothing of today.
    private static let memory = Duration.seconds(600)

    /// The outage that lasts: when it began, and for how long it is known to have gone on.
    private func outage(
        _ figures: DestinationBooks.Figures, at now: MonotonicTime
    ) -> (since: MonotonicTime, length: Duration)? {
        guard let since = figures.failingSince, let last = figures.lastFailure?.time else { return nil }
        if books.waiting > 0 { return (since, since.duration(to: now)) }
        return last.duration(to: now) <= Self.memory ? (since, since.duration(to: last)) : nil
    }

    /// What its books say now.
    public var status: Status {
        let now = self.clock.now
        let clock = self.clock.timestamp
        func wall(_ time: MonotonicTime) -> Timestamp { clock.advanced(by: now.duration(to: time)) }
        let figures = books.read()
        let (remaining, turn) = budget.read(firsts: figures.messages)
        let outage = outage(figures, at: now)
        return Status(
            name: name,
            shut: shut(at: now, figures.lastFailure, wall), nextAttempt: nextAttempt(at: now, turn).map(wall),
            waiting: max(0, books.waiting), waitingForBudget: budget.waiting,
            waitingForThrottle: throttle.waiting, waitingForSlot: slots.read().waiting, budgetRemaining: remaining,
            attempts: figures.attempts, messages: figures.messages, lastSuccess: figures.lastSuccess.map(wall),
            lastFailure: figures.lastFailure.map {
                Status.Failure(time: wall($0.time), reason: $0.reason, description: $0.description)
            },
            causes: figures.causes.latestFirst.map {
                Status.Cause(reason: $0.reason, count: $0.count, last: wall($0.last))
            }, failingSince: outage.map { wall($0.since) }, outage: outage?.length ?? .zero, now: clock)
    }
}

extension Timestamp {
    /// The time of day, and how many days ago that was.
    fileprivate func text(on now: Timestamp) -> String {
        let days = now.millisecondsSince1970.subtractingSaturated(millisecondsSince1970) / 86_400_000
        return days < 1 ? clockText : "\(clockText), \(days) \(days == 1 ? "day" : "days") ago"
    }

    /// The time of day, such as `14:03:20 UTC`.
    fileprivate var clockText: String {
        let milliseconds = millisecondsSince1970.quotientAndRemainder(dividingBy: 86_400_000).remainder
        let seconds = (milliseconds < 0 ? milliseconds + 86_400_000 : milliseconds) / 1_000
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(two(seconds / 3_600)):\(two(seconds / 60 % 60)):\(two(seconds % 60)) UTC"
    }
}

extension Duration {
    /// In whole minutes, hours or days, such as `2 min`.
    fileprivate var roundedText: String {
        let minutes = components.seconds / 60
        if minutes < 120 { return "\(minutes) min" }
        return minutes < 2_880 ? "\(minutes / 60) h" : "\(minutes / 1_440) d"
    }
}
