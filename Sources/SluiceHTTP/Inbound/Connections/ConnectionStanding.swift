import NIOCore
import Synchronization

/// What a connection is doing, for others to see: one that does nothing gives way when there are too many.
final class ConnectionStanding: Sendable {
    /// How long a client may be sending before it counts as one that gives way.
    static let patience = TimeAmount.milliseconds(250)

    private static let busy = UInt64.max
    /// When it began, in nanoseconds, with the lowest bit for what it is.
    private let state = Atomic<UInt64>(ConnectionStanding.busy)

    /// Between requests.
    func isIdle(since time: NIODeadline) {
        state.store(time.uptimeNanoseconds << 1, ordering: .relaxed)
    }

    /// A request is coming, or its answer leaving.
    func isReading(since time: NIODeadline) {
        state.store(time.uptimeNanoseconds << 1 | 1, ordering: .relaxed)
    }

    /// A request is complete and waits for its answer.
    func isWaiting() {
        state.store(Self.busy, ordering: .relaxed)
    }

    /// The connection of the lowest rank gives way first: those that are idle, longest first, before those that send.
    /// Nil when it does not give way.
    func rank(at now: NIODeadline) -> UInt64? {
        let state = state.load(ordering: .relaxed)
        guard state != Self.busy else { return nil }
        guard state & 1 == 1 else { return state >> 1 }
        let since = NIODeadline.uptimeNanoseconds(state >> 1)
        return since + Self.patience <= now ? state >> 1 | 1 << 63 : nil
    }
}
