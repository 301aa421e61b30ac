import Logging
import Synchronization

/// Shut for all messages of a route until the time that its destination named, or while it is held.
final class RetryGate: Sendable {
    private let lifecycle: RouteLifecycle
    private let time: RouterTime
    private let logger: Logger
    private let shutUntil = Atomic<UInt64>(0)
    private let held = Mutex<String?>(nil)
    private let isHeld = Atomic<Bool>(false)

    init(_ lifecycle: RouteLifecycle, time: RouterTime, logger: Logger) {
        self.lifecycle = lifecycle
        self.time = time
        self.logger = logger
    }

    /// Whether the destination refuses everything, and no attempt has succeeded since.
    var isHolding: Bool { isHeld.load(ordering: .relaxed) }

    var isOpen: Bool { shutUntil.load(ordering: .relaxed) == 0 }

    /// Waits until nothing forbids an attempt.
    /// - Returns: nanoseconds waited.
    @discardableResult
    func pass(_ context: HandlerContext) async throws -> UInt64 {
        guard !isOpen else { return 0 }
        let start = time.now
        var now = start
        while true {
            let until = shutUntil.load(ordering: .relaxed)
            guard until > now.nanoseconds else {
                _ = shutUntil.compareExchange(expected: until, desired: 0, ordering: .relaxed)
                return now.nanoseconds(since: start)
            }
            let rest = Duration.nanoseconds(Int64(clamping: until - now.nanoseconds))
            try await context.wait(for: rest, booking: .backoff)
            now = time.now
        }
    }

    /// Nothing passes before `time`. Never shortens what was said before.
    func close(until time: MonotonicTime) {
        shutUntil.max(time.nanoseconds, ordering: .relaxed)
    }

    /// The destination refuses everything until somebody mends it.
    func hold(_ reason: String, for duration: Duration, _ context: HandlerContext) {
        close(until: time.now.advanced(by: duration))
        let isNews = held.withLock { held in
            defer { held = reason }
            return held != reason
        }
        isHeld.store(true, ordering: .relaxed)
        guard isNews else { return }
        lifecycle.enter(.held(reason))
        context.logger.error(
            "destination refuses every message; the route is held and nothing is lost",
            metadata: ["reason": "\(reason)", "next_attempt_in_seconds": "\(duration.inSeconds)"])
    }

    /// An attempt has succeeded: whatever held the route is over.
    func open() {
        guard isHolding else { return }
        isHeld.store(false, ordering: .relaxed)
        held.withLock { $0 = nil }
        lifecycle.enter(.running)
        logger.notice("destination takes messages again")
    }
}
