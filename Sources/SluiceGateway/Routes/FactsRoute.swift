import Logging
import Sluice

/// The route that brings facts into the ledger, and what other gateways count. Nothing else is counted here.
enum FactsRoute {
    static let name = "facts-to-ledger"

    /// How many facts share a commit of the ledger's.
    private static let joining = Joining(by: KeySelector { _ in [0] }, maximumCount: 500, maximumBytes: 4 << 20)

    /// - Parameter verdicts: what is told of counted verdicts goes there; nil where no other gateway has a file of its own.
    static func route(
        from queue: any EventQueue, _ ledger: DeploymentLedger, verdicts: SharedVerdicts? = nil, logger: Logger
    ) throws -> Route {
        let refill = FactRefill(queue: queue, ledger: ledger, verdicts: verdicts, logger: logger)
        let subscriber = PreparedSubscriber(try queue.ledgerSubscriber(for: name), prepare: refill.run)
        return Route(
            name, from: subscriber, queue.facts, ordering: .serial,
            middlewares: [CorrelationID(), HandlerMetrics(), KnownFacts(), Retry()], joining: joining
        ) { _, context in
            let now = context.route.time.timestamp
            let facts = context.deliveredMessages.compactMap { message, origin in
                ReceivedFact(message, receivedAt: EventTime.receipt(origin, now: now))
            }
            let counted = context.deliveredMessages.compactMap { message, _ in CountedVerdicts(message) }
            // A file that was made again has to have what came before, too.
            if try await !ledger.record(facts) {
                try await refill.run()
                _ = try await ledger.record(facts)
            }
            if !counted.isEmpty { try await verdicts?.take(counted, ledger) }
        }
    }
}

/// Reads into a ledger that is new, or was made again, all facts that the queue holds.
struct FactRefill: Sendable {
    let queue: any EventQueue
    let ledger: DeploymentLedger
    var verdicts: SharedVerdicts?
    let logger: Logger

    /// Returns at once when the ledger has them.
    func run() async throws {
        guard try await ledger.lacksFacts else { return }
        var count = 0
        try await queue.replayFacts { batch in
            let facts = batch.compactMap { ReceivedFact($0.message, receivedAt: $0.receipt) }
            try await ledger.learn(facts)
            let counted = batch.compactMap { CountedVerdicts($0.message) }
            if !counted.isEmpty { try await verdicts?.take(counted, ledger) }
            count += facts.count
        }
        try await ledger.completeFacts()
        if count > 0 { logger.notice("read the facts from the queue", metadata: ["facts": "\(count)"]) }
    }
}

/// Counts what is no fact that this version can read, and passes over it: a newer gateway may have written it. Every gateway reads
/// the same facts, and reads them again, so that nothing of them goes to the topic of poison.
struct KnownFacts: Middleware {
    func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        let unknown = route.instruments.counters(.unknownFacts, known: ["malformed", "other"])
        return { _, context in
            var isKnown = false
            for (message, _) in context.deliveredMessages {
                if CountedVerdicts.isOne(message) {
                    isKnown = true
                    continue
                }
                do {
                    _ = try Fact(message)
                    isKnown = true
                } catch {
                    let type = message.metadata[Fact.typeKey] ?? ""
                    let isMalformed = Fact.Kind(rawValue: type) != nil
                    unknown.increment(isMalformed ? "malformed" : KnownEvents.word(type))
                }
            }
            guard isKnown else { return [] }
            return try await next(context.message, context)
        }
    }
}

extension Metric {
    static let unknownFacts = counter(
        "sluice_unknown_facts_total",
        labels: [.handler, Label("fact_type", "the kind of fact; `malformed` is one that cannot be read", cap: 20)],
        help: "Facts that this version does not know or cannot read, acknowledged unread.")
}
