import Crypto
import Logging

/// Handles each key once: what was handled before is acknowledged without the handler.
///
/// The key is kept only after success, so that a failed message's redelivery is handled and not dropped. Keys are
/// scoped to the route.
public struct Deduplicator: Middleware {
    public var store: any DeduplicationStore
    /// Default: the message's id.
    public var key: KeySelector
    /// How long a message waits, as a redelivery, while another with its key is being handled. Default 1 s.
    /// At least 0.
    public var inProgressDelay: Duration

    public init(_ store: any DeduplicationStore, key: KeySelector = .id, inProgressDelay: Duration = .seconds(1)) {
        self.inProgressDelay = inProgressDelay
        self.store = store
        self.key = key
    }

    public func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        try ConfigurationCheck.all(of: "Deduplicator") { $0("inProgressDelay", inProgressDelay, in: .zero...) }
        try route.time.require(store, "Deduplicator.store", "\(type(of: store))")
        let (store, key, delay) = (store, key, inProgressDelay)
        func counter(_ result: String) -> CounterHandle {
            route.instruments.counter(.dedupChecks, [route.label, ("result", result)])
        }
        let (fresh, duplicate, inProgress) = (counter("fresh"), counter("duplicate"), counter("in_progress"))
        let diary = FailureDiary()
        return { message, context in
            // A message without a key cannot be recognised.
            guard let key = key(message) else { return try await next(message, context) }
            switch try await store.reserve(key, scope: route.name) {
            case .duplicate:
                duplicate.increment()
                context.settle(as: .deduplicated)
                return []
            case .inProgress:
                inProgress.increment()
                throw InProgressError(delay: delay)
            case .fresh:
                fresh.increment()
            }
            let produced: [Message]
            do {
                produced = try await next(message, context)
            } catch {
                await store.release(key, scope: route.name)
                throw error
            }
            do {
                try await store.commit(key, scope: route.name)
                diary.logEnd("deduplication keys are kept again", to: context.logger)
            } catch {
                // The work is done; to fail now would do it twice for certain, to go on does so only if it comes again.
                diary.log(
                    "deduplication key was not kept", error, kind: Disposition.reason(of: error), at: route.time.now,
                    level: .error,
                    to: context.logger)
                await store.release(key, scope: route.name)
            }
            return produced
        }
    }
}

/// A message with the same key is being handled.
struct InProgressError: DispositionError, CustomStringConvertible {
    let delay: Duration

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
