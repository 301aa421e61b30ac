import DequeModule
import Synchronization

/// The slots of a destination for attempts that are made at once, and the line of those that wait for one. Without a policy
/// there is no end of them.
final class ConcurrencyLine: Sendable {
    private struct State {
        /// Nil sets no bound.
        var book: ConcurrencyBook?
        var inUse = 0
        /// By their standing.
        var line = Deque<(ticket: Ticket, standing: Standing)>()

        var hasRoom: Bool { book.map { inUse < $0.slots } ?? true }
    }

    private let time: RouterTime
    private let state: Mutex<State>

    init(_ policy: Concurrency?, time: RouterTime) {
        self.time = time
        state = Mutex(State(book: policy.map(ConcurrencyBook.init)))
    }

    /// - Parameter standing: of its route: it waits before those that stand behind it.
    /// - Returns: nil when a slot was free; otherwise the place in the line, to be waited for.
    func enter(_ standing: Standing = .ordinary) -> Ticket? {
        state.withLock { state in
            guard !state.line.isEmpty || !state.hasRoom else {
                state.inUse += 1
                return nil
            }
            let ticket = Ticket()
            let place = standing.place(in: state.line, \.standing)
            state.line.insert((ticket, standing), at: place)
            return ticket
        }
    }

    /// How many are under way; nil where there is no bound.
    var underWay: Int? { state.withLock { $0.book == nil ? nil : $0.inUse } }

    /// An attempt has ended, or will not be made.
    func leave(_ result: ConcurrencyBook.Result, _ admission: ConcurrencyBook.Admission) {
        let now = time.now
        act { state in
            state.book?.ended(result, admission, inUse: state.inUse, at: now)
            state.inUse = max(0, state.inUse - 1)
        }
    }

    /// A slot is free again in which no attempt was made.
    func leave() {
        act { $0.inUse = max(0, $0.inUse - 1) }
    }

    /// Who waits in line has gone away.
    func giveUp(_ ticket: Ticket) {
        if ticket.leave() {
            state.withLock { state in state.line.removeAll { $0.ticket === ticket } }
        } else {
            leave()
        }
    }

    /// Goes by another policy from now on, also for those that wait.
    func update(_ policy: Concurrency?) {
        act { state in
            if let policy, state.book != nil {
                state.book?.update(policy)
            } else {
                state.book = policy.map(ConcurrencyBook.init)
            }
        }
    }

    struct Figures: Sendable {
        /// Nil where there is no bound.
        let limit: Int?
        let inUse: Int
        let waiting: Int
    }

    func read() -> Figures {
        state.withLock { Figures(limit: $0.book?.slots, inUse: $0.inUse, waiting: $0.line.count) }
    }

    /// Changes the state. Then, outside the lock, lets in as many as there are slots.
    private func act(_ change: (inout State) -> Void) {
        var isChanged = false
        while true {
            let next = state.withLock { state -> Ticket? in
                if !isChanged { change(&state) }
                guard state.hasRoom, let next = state.line.popFirst()?.ticket else { return nil }
                state.inUse += 1
                return next
            }
            isChanged = true
            guard let next else { return }
            if !next.grant() { state.withLock { $0.inUse -= 1 } }
        }
    }
}
