import Logging
import Synchronization

/// Shut for all messages of a route until the time that its destination named, or while it is held.
final class RetryGate: Sendable {
    private let route: RouteScope
    private let shutUntil = Atomic<UInt64>(0)
    private let held = Mutex<String?>(nil)
    private let isHeld = Atomic<Bool>(false)

    init(_ route: RouteScope) {
        self.route = route
    }

    /// Waits until nothing forbids an attempt.
    func pass(_ context: HandlerContext) async throws {
        while true {
            let until = shutUntil.load(ordering: .relaxed)
            guard until > 0 else { return }
            let now = MonotonicTime.now().nanoseconds
            guard until > now else {
                _ = shutUntil.compareExchange(expected: until, desired: 0, ordering: .relaxed)
                return
            }
            try await context.wait(for: .nanoseconds(Int64(clamping: until - now)), booking: .backoff)
        }
    }

    /// Nothing passes before `time`. Never shortens what was said before.
    func close(until time: MonotonicTime) {
        shutUntil.max(time.nanoseconds, ordering: .relaxed)
    }

    /// The destination refuses everything until somebody mends it.
    func hold(_ reason: String, for duration: Duration, _ context: HandlerContext) {
        close(until: MonotonicTime.now().advanced(by: duration))
        let isNews = held.withLock { held in
            defer { held = reason }
            return held != reason
        }
        isHeld.store(true, ordering: .relaxed)
        guard isNews else { return }
        route.lifecycle.enter(.held(reason))
        context.logger.error(
            "destination refuses every message; the route is held and nothing is lost",
            metadata: ["reason": "\(reason)", "next_attempt_in_seconds": "\(duration.inSeconds)"])
    }

    /// An attempt has succeeded: whatever held the route is over.
    func open() {
        guard isHeld.load(ordering: .relaxed) else { return }
        isHeld.store(false, ordering: .relaxed)
        held.withLock { $0 = nil }
        route.lifecycle.enter(.running)
        route.logger.notice("destination takes messages again")
    }
}
