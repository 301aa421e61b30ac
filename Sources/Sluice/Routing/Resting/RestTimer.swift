import Synchronization

/// Says once when the rest of a delivery is over that no worker holds meanwhile. It is asked again whenever a policy that it
/// follows from changes.
///
/// The lane holds the delivery for as long as it rests: a route that has stopped is kept by no timer.
final class RestTimer: Sendable {
    private struct State {
        /// When the timer that counts looks again; nil where there is none.
        var look: MonotonicTime?
        /// Which timer counts.
        var timer: UInt64 = 0
        var isOver = false
        var followed: [UInt64] = []
    }

    private let rest: Rest
    private let time: RouterTime
    private let body: @Sendable (Delivery) -> Void
    private let state = Mutex(State())

    private init(_ rest: Rest, _ time: RouterTime, _ body: @escaping @Sendable (Delivery) -> Void) {
        self.rest = rest
        self.time = time
        self.body = body
    }

    static func start(
        _ delivery: Delivery, _ rest: Rest, by time: RouterTime, _ body: @escaping @Sendable (Delivery) -> Void
    ) {
        let timer = RestTimer(rest, time, body)
        let followed = rest.bells.map { bell in
            bell.follow(for: delivery) { [weak delivery] in if let delivery { timer.arm(delivery) } }
        }
        timer.state.withLock { $0.followed = followed }
        timer.arm(delivery)
    }

    private func arm(_ delivery: Delivery) {
        let due = rest.due(delivery)
        let id = state.withLock { state -> UInt64? in
            // One that looks earlier asks again then: a timer cannot be taken back, and policies may change often.
            guard !state.isOver, state.look.map({ due < $0 }) ?? true else { return nil }
            state.look = due
            state.timer += 1
            return state.timer
        }
        guard let id else { return }
        time.after(time.now.duration(to: due)) { [weak delivery] in
            if let delivery { self.fire(id, delivery) }
        }
    }

    private func fire(_ id: UInt64, _ delivery: Delivery) {
        let isDue = rest.due(delivery) <= time.now
        let followed = state.withLock { state -> [UInt64]? in
            guard state.timer == id, !state.isOver else { return nil }
            state.look = nil
            state.isOver = isDue
            return state.followed
        }
        guard let followed else { return }
        guard isDue else { return arm(delivery) }
        for (bell, id) in zip(rest.bells, followed) { bell.unfollow(id) }
        body(delivery)
    }
}
