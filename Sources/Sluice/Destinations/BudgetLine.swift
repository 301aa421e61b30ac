import DequeModule
import Synchronization

/// A ``BudgetBook``, and the line of those that wait for it.
final class BudgetLine: Sendable {
    /// Is told that it may make an attempt. Returns false when it is gone: the next one's turn comes then.
    typealias Waiter = @Sendable () -> Bool

    private struct State {
        var book: BudgetBook
        var line = Deque<Waiter>()
        var isTimed = false
    }

    let policy: RetryBudget
    private let time: RouterTime
    private let state: Mutex<State>

    init(_ policy: RetryBudget, time: RouterTime) {
        self.policy = policy
        self.time = time
        state = Mutex(State(book: BudgetBook(policy, at: time.now)))
    }

    /// Takes an attempt out of the budget. There is none while others wait for theirs.
    func take(firsts: Int64) -> Bool {
        let now = time.now
        return state.withLock { state in
            state.book.advance(to: now, firsts: firsts)
            return state.line.isEmpty && state.book.take()
        }
    }

    /// Calls `waiter` once an attempt was taken out of the budget for it: at once, or when those before it have had theirs.
    func join(firsts: @escaping @Sendable () -> Int64, _ waiter: @escaping Waiter) {
        act(firsts) { $0.line.append(waiter) }
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
            return (state.book.remaining, state.line.isEmpty ? nil : now.advanced(by: state.book.wait))
        }
    }

    /// Changes the state, then tells outside the lock all whose turn has come.
    private func act(_ firsts: @escaping @Sendable () -> Int64, _ change: (inout State) -> Void) {
        var isChanged = false
        while true {
            let now = time.now
            let (next, wait) = state.withLock { state -> (Waiter?, Duration?) in
                state.book.advance(to: now, firsts: firsts())
                if !isChanged { change(&state) }
                if !state.line.isEmpty, state.book.take() { return (state.line.popFirst(), nil) }
                guard !state.line.isEmpty, !state.isTimed else { return (nil, nil) }
                state.isTimed = true
                // First attempts add to it meanwhile without a word.
                return (nil, min(state.book.wait, .seconds(1)))
            }
            isChanged = true
            if let next {
                if !next() { state.withLock { $0.book.settle(policy.cost.failed) } }
                continue
            }
            if let wait {
                time.after(wait) { [weak self] in
                    self?.act(firsts) { $0.isTimed = false }
                }
            }
            return
        }
    }
}
