import DequeModule
import Synchronization

/// A ``BudgetBook``, and the line of those that wait for it. Without a policy all go at once.
final class BudgetLine: Sendable {
    /// Is told that it may make an attempt. Returns false when it is gone: the next one's turn comes then.
    typealias Waiter = @Sendable () -> Bool

    private struct State {
        var policy: RetryBudget?
        var book: BudgetBook
        /// By their standing.
        var line = Deque<(waiter: Waiter, standing: Standing)>()
        /// When the next look is due that a timer takes.
        var timedUntil: MonotonicTime?

        mutating func take() -> Bool { policy == nil || book.take() }
    }

    private let time: RouterTime
    private let state: Mutex<State>

    init(_ policy: RetryBudget?, time: RouterTime) {
        self.time = time
        state = Mutex(State(policy: policy, book: BudgetBook(policy ?? RetryBudget(), at: time.now)))
    }

    var policy: RetryBudget? { state.withLock(\.policy) }

    /// Goes by another policy from now on, also for those that wait.
    func update(_ policy: RetryBudget?, firsts: @escaping @Sendable () -> Int64) {
        let now = time.now
        act(firsts) { state in
            if let policy { state.book.update(policy, at: now, firsts: firsts()) }
            state.policy = policy
        }
    }

    /// Takes an attempt out of the budget. There is none while others wait for theirs.
    func take(firsts: Int64) -> Bool {
        let now = time.now
        return state.withLock { state in
            state.book.advance(to: now, firsts: firsts)
            return state.line.isEmpty && state.take()
        }
    }

    /// Calls `waiter` once an attempt was taken out of the budget for it: at once, or when those before it have had theirs.
    /// - Parameter standing: of its route: it waits before those that stand behind it.
    func join(_ standing: Standing = .ordinary, firsts: @escaping @Sendable () -> Int64, _ waiter: @escaping Waiter) {
        act(firsts) { state in
            let place = standing.place(in: state.line, \.standing)
            state.line.insert((waiter, standing), at: place)
        }
    }

    /// Gives back what an attempt did not cost, or takes what one cost that did not ask.
    func settle(_ amount: Double, firsts: @escaping @Sendable () -> Int64) {
        guard amount != 0 else { return }
        act(firsts) { $0.book.settle(amount) }
    }

    var waiting: Int { state.withLock(\.line.count) }

    /// The share that is left, and when the next in line may go.
    func read(firsts: Int64) -> (remaining: Double, next: MonotonicTime?) {
        let now = time.now
        return state.withLock { state in
            state.book.advance(to: now, firsts: firsts)
            guard state.policy != nil else { return (1, nil) }
            return (state.book.remaining, state.line.isEmpty ? nil : now.advanced(by: state.book.wait))
        }
    }

    /// Changes the state, then tells outside the lock all whose turn has come.
    private func act(_ firsts: @escaping @Sendable () -> Int64, _ change: (inout State) -> Void) {
        var isChanged = false
        while true {
            let now = time.now
            let (next, look) = state.withLock { state -> (Waiter?, MonotonicTime?) in
                state.book.advance(to: now, firsts: firsts())
                if !isChanged { change(&state) }
                guard !state.line.isEmpty else { return (nil, nil) }
                if state.take() { return (state.line.popFirst()?.waiter, nil) }
                // First attempts add to it meanwhile without a word.
                let look = now.advanced(by: min(state.book.wait, .seconds(1)))
                if let timed = state.timedUntil, timed <= look { return (nil, nil) }
                state.timedUntil = look
                return (nil, look)
            }
            isChanged = true
            if let next {
                if !next() { refund() }
                continue
            }
            if let look {
                time.after(now.duration(to: look)) { [weak self] in
                    self?.act(firsts) { state in if state.timedUntil == look { state.timedUntil = nil } }
                }
            }
            return
        }
    }

    /// The one that was told does not wait any more.
    private func refund() {
        state.withLock { state in if let policy = state.policy { state.book.settle(policy.cost.failed) } }
    }
}
