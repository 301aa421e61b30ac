import Synchronization

/// What tasks hand to the thread of a loop: under one short lock, with one wake-up for as many as come before it takes them.
///
/// First it is open; then it is closing, and takes nothing new while the thread does what is there; then it has ended, and the
/// thread is not woken any more.
package final class Inbox<Item: Sendable>: Sendable {
    private struct State {
        var items: [Item] = []
        /// When the thread has to be done; nil while it is open.
        var closing: MonotonicTime?
        var hasEnded = false
    }

    private let wake: @Sendable () -> Void
    private let state = Mutex(State())

    /// - Parameter wake: wakes the thread. It is called under the lock, so that the thread cannot end meanwhile.
    package init(wake: @escaping @Sendable () -> Void) {
        self.wake = wake
    }

    /// - Returns: false when it takes nothing new.
    package func post(_ item: Item) -> Bool {
        state.withLock { state in
            if state.closing == nil, !state.hasEnded { add(item, &state) }
            return state.closing == nil && !state.hasEnded
        }
    }

    /// Also while it is closing: something about what the thread has in hand.
    package func postUntilTheEnd(_ item: Item) {
        state.withLock { state in
            if !state.hasEnded { add(item, &state) }
        }
    }

    private func add(_ item: Item, _ state: inout State) {
        state.items.append(item)
        // The thread takes all there are: it has been woken for the first of them.
        if state.items.count == 1 { wake() }
    }

    /// Takes nothing new. What is there is done until the deadline; of several, the earliest counts.
    package func close(by deadline: MonotonicTime) {
        state.withLock { state in
            guard !state.hasEnded else { return }
            state.closing = min(state.closing ?? deadline, deadline)
            wake()
        }
    }

    /// Takes nothing at all, and wakes the thread for the last time.
    /// - Returns: what was not taken.
    package func end() -> [Item] {
        state.withLock { state in
            if !state.hasEnded { wake() }
            state.hasEnded = true
            defer { state.items = [] }
            return state.items
        }
    }

    /// When the thread has to be done; nil while nothing has closed it.
    package var closing: MonotonicTime? { state.withLock(\.closing) }

    package var hasEnded: Bool { state.withLock(\.hasEnded) }

    package var isEmpty: Bool { state.withLock(\.items.isEmpty) }

    // MARK: The thread

    package func takeFirst() -> Item? {
        state.withLock { $0.items.isEmpty ? nil : $0.items.removeFirst() }
    }

    package func takeAll() -> [Item] {
        state.withLock { state in
            defer { state.items = [] }
            return state.items
        }
    }

    /// Swaps `items`, which is empty, for those that have come, so that neither side allocates in the long run.
    /// - Returns: when the thread has to be done.
    package func take(into items: inout [Item]) -> MonotonicTime? {
        state.withLock { state in
            swap(&state.items, &items)
            return state.closing
        }
    }
}
