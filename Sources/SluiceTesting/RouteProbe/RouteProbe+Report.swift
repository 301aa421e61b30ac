public import Sluice

extension RouteProbe {
    /// What became of a message.
    public struct Report: Sendable {
        /// How its delivery ended.
        public let outcome: Outcome
        /// What the handler returned, with what the middlewares added to it; empty when it was not handled.
        public let produced: [Message]
        /// What the chain threw in its last pass; nil when it returned, as also after a message was poisoned.
        public let error: (any Error)?
        /// Each call of the handler, with the publish of what it returned.
        public let attempts: [Attempt]
        /// How long it took in all, up to its settlement.
        public let elapsed: Duration
        /// What reached ``RouteProbe/output`` meanwhile, in order, and where it was published.
        public let published: [RecordingPublisher.Record]
        /// What was logged meanwhile.
        public let log: [LogRecorder.Entry]
        /// What all series of the probe say since it was made.
        public let metrics: RecordedMetrics
        let stages: [DeliveryStage: Duration]

        /// The waits between the attempts, in order.
        public var waits: [Duration] {
            zip(attempts, attempts.dropFirst()).map { $1.start - $0.end }
        }

        /// How long the message spent in this stage: `throttle`, `breaker`, `backoff` or `publish`.
        public func time(in stage: DeliveryStage) -> Duration { stages[stage] ?? .zero }
    }

    /// One call of the handler.
    public struct Attempt: Sendable {
        /// `HandlerContext/attempt`.
        public let number: Int
        /// When it began, since the message was sent.
        public let start: Duration
        /// When it ended.
        public let end: Duration
        /// What it failed with; nil when it succeeded.
        public let error: (any Error)?
    }

    /// How a delivery ended.
    public struct Outcome: Sendable, Equatable, CustomStringConvertible {
        private enum Kind: Sendable, Equatable {
            case settled(DeliveryOutcome)
            case rejected(Duration?)
            case handedBack(Duration)
        }

        private let kind: Kind

        /// It was handled.
        public static let acked = Outcome(kind: .settled(.acked))
        /// It was moved to a poison queue.
        public static let poisoned = Outcome(kind: .settled(.poisoned))
        /// It was not worth keeping.
        public static let discarded = Outcome(kind: .settled(.discarded))
        /// It was handled before.
        public static let deduplicated = Outcome(kind: .settled(.deduplicated))
        /// Its route did not want it.
        public static let filtered = Outcome(kind: .settled(.filtered))
        /// It was another process's by then.
        public static let revoked = Outcome(kind: .settled(.revoked))

        /// It failed and is delivered again after this time; nil leaves that to its source.
        public static func rejected(after delay: Duration?) -> Outcome { Outcome(kind: .rejected(delay)) }

        /// It waits this long for its next attempt, and has freed its worker.
        public static func handedBack(after delay: Duration) -> Outcome { Outcome(kind: .handedBack(delay)) }

        /// Whether it was rejected, with whatever delay.
        public var isRejected: Bool { if case .rejected = kind { true } else { false } }

        /// How long until it comes again, where that is known.
        public var delay: Duration? {
            switch kind {
            case .settled: nil
            case .rejected(let delay): delay
            case .handedBack(let delay): delay
            }
        }

        public var description: String {
            switch kind {
            case .settled(let outcome): outcome.rawValue
            case .rejected(nil): "rejected"
            case .rejected(let delay?): "rejected, to come again after \(delay)"
            case .handedBack(let delay): "handed back, to go on after \(delay)"
            }
        }
    }
}

extension RouteProbe.Outcome {
    /// - Parameters:
    ///   - settlement: what the source was told; nil when it was told nothing.
    ///   - hasFailed: whether the last pass through the chain threw.
    init(_ ending: ProbedRoute.Ending, _ settlement: Settlement?, hasFailed: Bool) {
        switch (ending, settlement) {
        case (.rejected(let delay), _): self = .rejected(after: delay)
        case (.handedBack(let delay), _): self = .handedBack(after: delay)
        case (.settled, .rejected(let rejection)): self = .rejected(after: rejection.delay)
        case (.settled, nil): self = .revoked
        // Acknowledged although the chain threw: the route has discarded it.
        case (.settled(let outcome), .acknowledged): self.init(kind: .settled(hasFailed ? .discarded : outcome))
        }
    }
}

extension RouteProbe.Report: CustomStringConvertible {
    /// A line for each thing that happened, for the message of a test that fails.
    public var description: String {
        var lines = ["\(outcome) after \(elapsed)"]
        for attempt in attempts {
            lines.append(
                "attempt \(attempt.number) at \(attempt.start): \(attempt.error.map { "\($0)" } ?? "succeeded")")
        }
        lines += published.map { "published to \($0.topic): \($0.message)" }
        lines += log.map { "logged \($0)" }
        return lines.joined(separator: "\n")
    }
}
