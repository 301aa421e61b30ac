import Crypto
import Logging

/// Handles each key once: what was handled before is acknowledged without the handler.
///
/// ```swift
/// let handled = try MemoryDeduplicationStore(.init(capacity: 100_000))  // or log.deduplicationStore(), which a restart keeps
/// let router = Router(middlewares: [Deduplicator(handled, key: .metadata("order"), window: .seconds(86_400)), Retry()])
/// ```
///
/// The key is kept only after success, so that a failed message's redelivery is handled and not dropped. Keys are
/// scoped to the route, unless ``scope`` says otherwise.
///
/// ``window`` and ``inProgressDelay`` can be changed while messages are under way (``Live``); the store, the key, the scope and
/// ``gathers`` cannot.
public struct Deduplicator: LiveMiddleware {
    public var store: any DeduplicationStore
    /// Default: the message's id.
    public var key: KeySelector
    /// Whose keys these are: routes of one scope know what the others have handled. Default nil: the route's own, by its name.
    public var scope: String?
    /// For how long a key that was handled is known again: the one that is in force when it is handled. More than 0; default
    /// 1 hour.
    public var window: Duration
    /// How long a message waits, as a redelivery, while another with its key is being handled. Default 1 s.
    /// At least 0.
    public var inProgressDelay: Duration
    /// Whether keys are kept a moment after their messages were handled, many with one commit
    /// (``DeduplicationStore/commitSoon(_:scope:for:)``). A serial route is faster by far then; after a crash, what one commit was
    /// to keep may be handled again. Default false: a key is kept before its message is acknowledged, so that a crash
    /// repeats no more than what was in hand.
    public var gathers: Bool

    public init(
        _ store: any DeduplicationStore, key: KeySelector = .id, window: Duration = .seconds(3_600),
        inProgressDelay: Duration = .seconds(1), scope: String? = nil, gathers: Bool = false
    ) {
        self.gathers = gathers
        self.scope = scope
        self.window = window
        self.inProgressDelay = inProgressDelay
        self.store = store
        self.key = key
    }

    public func validate() throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "Deduplicator") { check in
            check("window", window, above: .zero)
            check("inProgressDelay", inProgressDelay, in: .zero...)
        }
    }

    public static func wrap(
        _ next: @escaping Handler, for route: RouteScope, by live: Live<Deduplicator>
    ) throws -> Handler {
        let (store, key, scope) = (live.policy.store, live.policy.key, live.policy.scope ?? route.name)
        let gathers = live.policy.gathers
        try route.time.require(store, "Deduplicator.store", "\(type(of: store))")
        func counter(_ result: String) -> CounterHandle {
            route.instruments.counter(.dedupChecks, [route.label, ("result", result)])
        }
        let (fresh, duplicate, inProgress) = (counter("fresh"), counter("duplicate"), counter("in_progress"))
        let diary = FailureDiary()
        let joined = JoinedKeys(store, key, scope: scope)

        /// Handles what is reserved, and keeps its keys after that; where it fails, they are free again.
        @Sendable func keeping(
            _ message: Message, _ context: HandlerContext, keep: () async throws -> Void, release: () async -> Void
        ) async throws -> [Message] {
            let produced: [Message]
            do {
                produced = try await next(message, context)
            } catch {
                await release()
                throw error
            }
            do {
                try await keep()
                diary.logEnd("deduplication keys are kept again", to: context.logger)
            } catch {
                // The work is done; to fail now would do it twice for certain, to go on does so only if it comes again.
                diary.log(
                    "deduplication keys were not kept", error, kind: Disposition.reason(of: error), at: route.time.now,
                    level: .error, to: context.logger)
                await release()
            }
            return produced
        }

        return { message, context in
            if let run = context.run {
                let found = try await joined.reserve(of: run, live)
                fresh.increment(by: Int64(found.fresh.count))
                duplicate.increment(by: Int64(found.handled.count + found.repeated))
                run.settle(found.handled, as: .deduplicated)
                guard !run.messages.isEmpty else {
                    run.settle(run.deliveries, as: .deduplicated)
                    context.settle(as: .deduplicated)
                    return []
                }
                return try await keeping(message, context) {
                    try await store.commitAll(found.fresh, scope: scope, for: live.policy.window)
                } release: {
                    await joined.release(found.fresh)
                }
            }
            // A message without a key cannot be recognised.
            guard let key = key(message) else { return try await next(message, context) }
            switch try await store.reserve(key, scope: scope) {
            case .duplicate:
                duplicate.increment()
                context.settle(as: .deduplicated)
                return []
            case .inProgress:
                inProgress.increment()
                throw InProgressError(live: live)
            case .fresh:
                fresh.increment()
            }
            return try await keeping(message, context) {
                if gathers {
                    try await store.commitSoon(key, scope: scope, for: live.policy.window)
                } else {
                    try await store.commit(key, scope: scope, for: live.policy.window)
                }
            } release: {
                await store.release(key, scope: scope)
            }
        }
    }
}

/// A message with the same key is being handled.
struct InProgressError: DispositionError, CustomStringConvertible {
    let live: Live<Deduplicator>
    /// How long to wait for the other, by the policy of now.
    var delay: Duration { live.policy.inProgressDelay }

    var disposition: Disposition { .retry(after: delay) }
    var reason: String { "in_progress" }
    var description: String { "a message with the same key is being handled" }
}

extension KeySelector {
    /// The message's id.
    public static let id = KeySelector { message in
        guard let (high, low) = message.id.bits else { return Array(message.id.description.utf8) }
        return withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { Array($0) }
    }

    /// SHA-256 of the payload.
    public static let payload = KeySelector { Array(SHA256.hash(data: $0.payload)) }
}

extension Metric {
    static let deduplicationArea = Area("Deduplication", "For routes with the middleware Deduplicator.", [dedupChecks])

    public static let dedupChecks = counter(
        "sluice_dedup_checks_total",
        labels: [.handler, Label("result", "what the store knew", values: ["fresh", "duplicate", "in_progress"])],
        help: "Messages looked up by Deduplicator.")
}
