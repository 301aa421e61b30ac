extension Delivery {
    /// How far a message has come that waits for its next attempt: where its source keeps that, the message goes on from there when
    /// it is delivered again, also after a restart.
    public final class Progress: Sendable, Equatable {
        /// How often the handler was called for it.
        public let attempts: Int
        /// How many attempts have failed; answers that ask to slow down, and holds, are none.
        public let failedAttempts: Int
        /// How many answers have asked to slow down.
        public let throttledAnswers: Int
        /// When an attempt first failed, later by what was no fault of the message's.
        public let firstFailure: Timestamp
        /// When it is attempted next. No attempt is made before.
        public let due: Timestamp
        /// How long that was away when it was said: a clock that has been set back makes it no longer.
        public let wait: Duration

        public init(
            attempts: Int, failedAttempts: Int, throttledAnswers: Int, firstFailure: Timestamp, due: Timestamp,
            wait: Duration
        ) {
            self.attempts = attempts
            self.failedAttempts = failedAttempts
            self.throttledAnswers = throttledAnswers
            self.firstFailure = firstFailure
            self.due = due
            self.wait = wait
        }

        /// How much longer it waits.
        package func remaining(at now: Timestamp) -> Duration {
            min(max(.milliseconds(due.milliseconds(since: now)), .zero), max(wait, .zero))
        }

        public static func == (left: Progress, right: Progress) -> Bool {
            (left.attempts, left.failedAttempts, left.throttledAnswers) == (
                right.attempts, right.failedAttempts, right.throttledAnswers
            ) && (left.firstFailure, left.due, left.wait) == (right.firstFailure, right.due, right.wait)
        }
    }
}
