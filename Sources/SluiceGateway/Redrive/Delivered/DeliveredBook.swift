import Sluice
import Synchronization

/// Which events this gateway's sinks have delivered that it has not written yet.
final class DeliveredBook: Sendable {
    /// What is kept of all routes while the queue cannot be written to; what is older counts as not delivered.
    private static let mostBlocks = 1_024

    typealias Blocks = [DeliveredBlocks.ID: DeliveredBlock]

    private struct State {
        var fresh: Blocks = [:]
        /// Those that are being written: they are known of until they are read back.
        var leaving: Blocks = [:]
    }

    private let state = Mutex(State())

    /// A sink has delivered the event that lies there.
    func note(_ place: RedrivePlace, by route: String) {
        guard let id = DeliveredBlocks.ID(route, place) else { return }
        state.withLock { state in
            if state.fresh[id]?.insert(place.offset) != nil { return }
            var block = DeliveredBlock()
            block.insert(place.offset)
            state.fresh[id] = block
            if state.fresh.count > Self.mostBlocks, let oldest = state.fresh.keys.min(by: { $0.number < $1.number }) {
                state.fresh[oldest] = nil
            }
        }
    }

    func contains(_ place: RedrivePlace, by route: String) -> Bool {
        guard let id = DeliveredBlocks.ID(route, place) else { return false }
        return state.withLock { state in
            state.fresh[id]?.contains(place.offset) == true || state.leaving[id]?.contains(place.offset) == true
        }
    }

    /// What is to be written now. It is called again only after ``noteWritten()`` or ``noteFailure()``.
    func takeOut() -> Blocks {
        state.withLock { state in
            (state.leaving, state.fresh) = (state.fresh, [:])
            return state.leaving
        }
    }

    func noteWritten() { state.withLock { $0.leaving = [:] } }

    /// It is written another time.
    func noteFailure() {
        state.withLock { state in
            state.fresh.merge(state.leaving) { $0.union($1) }
            state.leaving = [:]
        }
    }
}
