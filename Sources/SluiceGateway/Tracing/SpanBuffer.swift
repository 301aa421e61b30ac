import Synchronization

/// The spans that have ended and not been exported: bounded, so that a collector that is away costs no memory. A span that finds
/// no room is dropped and counted.
final class SpanBuffer: Sendable {
    private struct State {
        var spans: [SpanRecord] = []
        var dropped = 0
        var isClosed = false
    }

    private let capacity: Int
    private let batch: Int
    private let state = Mutex(State())
    /// Rung when there is a whole batch.
    let bell = WakeUp()

    init(capacity: Int, batch: Int) {
        self.capacity = capacity
        self.batch = batch
    }

    var count: Int { state.withLock(\.spans.count) }

    /// Never waits for anything but the lock.
    func append(_ span: SpanRecord) {
        let isBatch = state.withLock { state in
            guard !state.isClosed, state.spans.count < capacity else {
                state.dropped += 1
                return false
            }
            state.spans.append(span)
            return state.spans.count == batch
        }
        if isBatch { bell.ring() }
    }

    /// The oldest, at most a batch of them.
    func take() -> [SpanRecord] {
        state.withLock { state in
            let taken = Array(state.spans.prefix(batch))
            state.spans.removeFirst(taken.count)
            return taken
        }
    }

    /// - Returns: how many found no room since it was last asked.
    func takeDropped() -> Int {
        state.withLock { state in
            defer { state.dropped = 0 }
            return state.dropped
        }
    }

    /// Drops what is left, and all that comes.
    func close() {
        state.withLock { state in
            state.isClosed = true
            state.dropped += state.spans.count
            state.spans = []
        }
    }
}
