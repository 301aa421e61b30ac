import DequeModule
import Synchronization

/// The parcels of a route without an order that wait without a worker, and those of them that are due.
///
/// They are in flight at their source, which counts them as it counts what waits there, so that they are bounded by what the
/// source lets out. Their bytes are bounded here: beyond that the source keeps the rest.
final class RestingParcels: Sendable {
    typealias Parcel = DeliveryProcessor.Parcel
    private typealias Worker = UnsafeContinuation<Parcel?, Never>

    private struct State {
        var resting: [UInt64: Parcel] = [:]
        var next: UInt64 = 0
        var due = Deque<Parcel>()
        /// The bytes of all of them.
        var size = 0
        /// Workers of a subscription that has ended.
        var workers = Deque<Worker>()
        var isClosed = false
    }

    /// What it holds at most in bytes; the last ones may exceed that.
    private let capacityBytes: Int
    private let state = Mutex(State())
    private let dueCount = Atomic<Int>(0)
    private let isFull: Atomic<Bool>

    /// - Parameter keeps: whether it takes any.
    init(keeps: Bool, capacityBytes: Int = 16 << 20) {
        self.capacityBytes = capacityBytes
        isFull = Atomic(!keeps)
    }

    /// What a worker may keep now. On the path of every message, as is ``hasDue``.
    var keeping: DeliveryProcessor.Keeping { isFull.load(ordering: .relaxed) ? .nothing : .waits }

    var hasDue: Bool { dueCount.load(ordering: .relaxed) > 0 }

    /// - Returns: the parcel's number; nil when it was closed, and the caller keeps the parcel. Those that are not ours
    ///   any more, which the caller drops: looked for where there is no room.
    func keep(_ parcel: Parcel) -> (id: UInt64?, revoked: [Parcel]) {
        state.withLock { state in
            guard !state.isClosed else { return (nil, []) }
            state.next += 1
            state.resting[state.next] = parcel
            state.size += parcel.delivery.size
            guard state.size >= capacityBytes else { return (state.next, []) }
            let ids = state.resting.filter { !$0.value.delivery.isOurs }.keys.sorted()
            let revoked = ids.compactMap { state.resting.removeValue(forKey: $0) }
            for parcel in revoked { state.size -= parcel.delivery.size }
            isFull.store(state.size >= capacityBytes, ordering: .relaxed)
            return (state.next, revoked)
        }
    }

    /// The parcel's next pass is due.
    /// - Returns: false when it does not rest any more.
    func noteDue(_ id: UInt64) -> Bool {
        let (isResting, worker) = state.withLock { state -> (Bool, (Worker, Parcel)?) in
            guard let parcel = state.resting.removeValue(forKey: id) else { return (false, nil) }
            if let worker = state.workers.popFirst() {
                release(parcel, &state)
                return (true, (worker, parcel))
            }
            state.due.append(parcel)
            dueCount.store(state.due.count, ordering: .relaxed)
            return (true, nil)
        }
        if let (worker, parcel) = worker { worker.resume(returning: parcel) }
        return isResting
    }

    /// The parcel that is due for the longest time.
    func takeDue() -> Parcel? { state.withLock { takeDue(&$0) } }

    /// The next parcel that is due; nil when none rests any more.
    func next() async -> Parcel? {
        await withUnsafeContinuation { worker in
            let (parcel, ended) = state.withLock { state -> (Parcel?, Deque<Worker>) in
                if let parcel = takeDue(&state) { return (parcel, []) }
                state.workers.append(worker)
                guard state.isClosed || state.resting.isEmpty else { return (nil, []) }
                defer { state.workers = [] }
                return (nil, state.workers)
            }
            if let parcel { worker.resume(returning: parcel) }
            for worker in ended { worker.resume(returning: nil) }
        }
    }

    /// Takes everything out, and lets the workers end that wait for it.
    func close() -> [Parcel] {
        let (parcels, workers) = state.withLock { state -> ([Parcel], Deque<Worker>) in
            state.isClosed = true
            isFull.store(true, ordering: .relaxed)
            dueCount.store(0, ordering: .relaxed)
            defer {
                state.resting = [:]
                state.due = []
                state.workers = []
                state.size = 0
            }
            return (Array(state.due) + state.resting.valuesInOrder, state.workers)
        }
        for worker in workers { worker.resume(returning: nil) }
        return parcels
    }

    private func takeDue(_ state: inout State) -> Parcel? {
        guard let parcel = state.due.popFirst() else { return nil }
        dueCount.store(state.due.count, ordering: .relaxed)
        release(parcel, &state)
        return parcel
    }

    /// Where it was full it takes none again before a quarter is free, so that it is not looked through for each.
    private func release(_ parcel: Parcel, _ state: inout State) {
        state.size -= parcel.delivery.size
        if isFull.load(ordering: .relaxed), !state.isClosed, state.size <= capacityBytes / 4 * 3 {
            isFull.store(false, ordering: .relaxed)
        }
    }
}
