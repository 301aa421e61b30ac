import DequeModule
import Synchronization

/// A ``LaneTable`` that workers wait at, and a feeder that is held back when it is full.
final class Lanes: Sendable {
    typealias Parcel = DeliveryProcessor.Parcel
    typealias Lane = LaneTable<Parcel>.Lane
    private typealias Worker = UnsafeContinuation<(Lane, Parcel)?, Never>

    private struct State {
        var table = LaneTable<Parcel>()
        var workers = Deque<Worker>()
        var feeder: UnsafeContinuation<Bool, Never>?
        /// No more is added: workers end when the table is empty.
        var finished = false
        /// Everything was taken out: workers end now.
        var closed = false
    }

    private let capacity: Int
    private let key: KeySelector?
    private let state = Mutex(State())

    init(capacity: Int, key: KeySelector?) {
        self.capacity = capacity
        self.key = key
    }

    /// - Returns: false when it was closed; the caller keeps the parcels.
    func add(_ parcels: [Parcel]) -> Bool {
        let keys = parcels.map { parcel in
            key.map { $0.select(parcel.delivery.message) } ?? parcel.delivery.origin.key
        }
        return act { state in
            guard !state.closed else { return false }
            for (parcel, key) in zip(parcels, keys) { state.table.add(parcel, key: key) }
            return true
        }
    }

    /// The next parcel, in a lane that nobody else works in; nil when there will be no more.
    func take() async -> (Lane, Parcel)? {
        if let taken = act({ $0.table.take() }) { return taken }
        let taken = await withUnsafeContinuation { worker in
            act { $0.workers.append(worker) }
        }
        // Whoever is woken wakes the next, before it begins what may take long.
        act { _ in }
        return taken
    }

    func finish(_ lane: Lane) { act { $0.table.finish(lane) } }

    /// - Returns: false when it was closed; the caller keeps the parcel.
    func park(_ lane: Lane, _ parcel: Parcel) -> Bool {
        act { state in
            if !state.closed { state.table.park(lane, parcel) }
            return !state.closed
        }
    }

    func unpark(_ lane: Lane) { act { $0.table.unpark(lane) } }

    /// Waits until there is room for another batch.
    /// - Returns: false when it was closed.
    func waitForRoom() async -> Bool {
        await withUnsafeContinuation { feeder in
            act { $0.feeder = feeder }
        }
    }

    /// No more will be added.
    func finish() { act { $0.finished = true } }

    /// Takes everything out that is not in a worker's hands, and lets the workers end.
    func close() -> [Parcel] {
        act { state in
            state.closed = true
            return state.table.removeAll()
        }
    }

    /// Changes the state, then resumes outside the lock whoever can go on.
    @discardableResult
    private func act<Result>(_ change: (inout State) -> sending Result) -> Result {
        var feeder: UnsafeContinuation<Bool, Never>?
        var woken: [(Worker, (Lane, Parcel)?)] = []
        let (result, closed) = state.withLock { state -> (Result, Bool) in
            let result = change(&state)
            if state.closed || (state.finished && state.table.occupied == 0) {
                woken = state.workers.map { ($0, nil) }
                state.workers = []
            } else if let worker = state.workers.first, let taken = state.table.take() {
                state.workers.removeFirst()
                woken = [(worker, taken)]
            }
            if state.closed || state.table.count < capacity {
                feeder = state.feeder
                state.feeder = nil
            }
            return (result, state.closed)
        }
        for (worker, taken) in woken { worker.resume(returning: taken) }
        feeder?.resume(returning: !closed)
        return result
    }
}
