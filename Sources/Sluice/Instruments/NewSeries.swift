import Synchronization

/// Shows series that are made while the program runs at 0 first, and what happens to them from the next scrape on.
///
/// Prometheus's `increase()` sees nothing of a counter that is born at 1. Where a label's value comes from outside, its
/// series cannot exist from the start, so what is to be counted waits until one ``Instruments/refresh()`` has passed.
/// Of several who scrape, the first is served best.
package final class NewSeries: Sendable {
    private enum State {
        case made
        /// The scrape that shows it at 0 has begun.
        case shown
        case open
    }

    /// Where nobody scrapes, no more than this waits.
    private static let limit = 1_000
    private let state = Mutex<(state: State, waiting: [@Sendable () -> Void])>((.made, []))

    /// - Parameter instruments: those that the series were just made with.
    package init(_ instruments: Instruments) {
        if instruments.isActive {
            instruments.add(self)
        } else {
            state.withLock { $0.state = .open }
        }
    }

    /// Changes the series, now or when they have been shown.
    package func change(_ body: @escaping @Sendable () -> Void) {
        let isOpen = state.withLock { state in
            if state.state == .open || state.waiting.count >= Self.limit { return true }
            state.waiting.append(body)
            return false
        }
        if isOpen { body() }
    }

    /// A scrape begins.
    /// - Returns: whether it has to be told of the next one too.
    func refresh() -> Bool {
        let waiting = state.withLock { state -> [@Sendable () -> Void]? in
            guard state.state != .made else {
                state.state = .shown
                return nil
            }
            state.state = .open
            defer { state.waiting = [] }
            return state.waiting
        }
        for body in waiting ?? [] { body() }
        return waiting == nil
    }
}

/// A counter that was there from the start, or was made for a label's value that nobody knew.
package struct LateCounter: Sendable {
    private let counter: CounterHandle
    private let new: NewSeries?

    /// - Parameter isKnown: whether it is there from the start.
    package init(_ instruments: Instruments, _ metric: Metric, _ labels: [(String, String)], isKnown: Bool) {
        counter = instruments.counter(metric, labels)
        new = isKnown ? nil : NewSeries(instruments)
    }

    package func increment() {
        guard let new else { return counter.increment() }
        new.change { [counter] in counter.increment() }
    }
}
