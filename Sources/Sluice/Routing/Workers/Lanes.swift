import DequeModule
import Synchronization

/// A ``LaneTable`` that workers wait at, and a feeder that is held back when it is full.
final class Lanes: Sendable {
    typealias Parcel = DeliveryProcessor.Parcel
    typealias Lane = LaneTable<Parcel>.Lane
    typealias Shelved = (key: [UInt8], parcel: Parcel)
    private typealias Worker = UnsafeContinuation<(Lane, Parcel)?, Never>

    /// How long the feeder is held up before it looks for what is.
    private static let turn = Duration.milliseconds(250)

    private struct State {
        var table = LaneTable<Parcel>()
        /// The bytes of the parcels in it.
        var size = 0
        var workers = Deque<Worker>()
        var feeder: UnsafeContinuation<Bool, Never>?
        /// Whether a timer goes that lets the feeder look again.
        var isTiming = false
        /// No more is added: workers end when the table is empty.
        var finished = false
        /// Everything was taken out: workers end now.
        var closed = false
    }

    /// What it holds at most in bytes; the last batch may exceed that.
    private static let capacityBytes = 16 << 20

    private let capacity: Int
    private let key: KeySelector?
    private let shelf: Shelf?
    private let time: RouterTime
    private let state = Mutex(State())

    /// - Parameter shelf: where the source keeps what is too much of a key; nil where it keeps nothing.
    init(capacity: Int, key: KeySelector?, shelf: Shelf? = nil, time: RouterTime = .real) {
        self.time = time
        self.capacity = capacity
        self.key = key
        self.shelf = shelf
    }

    /// - Returns: those that the source has to keep; nil when it was closed, and the caller keeps the parcels.
    func add(_ parcels: [Parcel]) -> [Shelved]? {
        let keys = parcels.map { parcel in
            let bytes = if let key { key.select(parcel.delivery.message) } else { parcel.delivery.origin.key }
            return bytes.map { LaneKey($0) }
        }
        return act { state in
            guard !state.closed else { return nil }
            var shelved: [Shelved] = []
            for (parcel, key) in zip(parcels, keys) {
                if state.table.add(parcel, key: key, mark: parcel.delivery.mark) {
                    state.size += parcel.delivery.size
                } else if let key {
                    shelved.append((key.bytes, parcel))
                }
            }
            return shelved
        }
    }

    /// The next parcel, in a lane that no other worker has, if there is one.
    /// - Parameter done: the lane in which the worker has done its work.
    func takeNow(after done: Lane? = nil) -> (Lane, Parcel)? {
        let taken = act { state in
            if let done { state.table.finish(done) }
            return Self.take(&state)
        }
        if done != nil { shelf?.noteProgress() }
        return taken
    }

    /// The next parcel, in a lane that no other worker has; nil when there will be no more.
    func take() async -> (Lane, Parcel)? {
        let taken = await withUnsafeContinuation { worker in
            act { $0.workers.append(worker) }
        }
        // A worker that is woken wakes the next, before it begins what may take long.
        act { _ in }
        return taken
    }

    /// - Returns: false when it was closed; the caller keeps the parcel.
    func park(_ lane: Lane, _ parcel: Parcel) -> Bool {
        act { state in
            guard !state.closed else { return false }
            state.table.park(lane, parcel)
            state.size += parcel.delivery.size
            return true
        }
    }

    /// - Returns: false when the lane did not rest any more.
    func unpark(_ lane: Lane) -> Bool { act { $0.table.unpark(lane) } }

    /// Waits until there is room for another batch, or for what holds it up to be taken away.
    /// - Returns: false when it was closed.
    func waitForRoom() async -> Bool {
        await withUnsafeContinuation { feeder in
            act { $0.feeder = feeder }
            guard shelf != nil else { return }
            let starts = state.withLock { state in
                defer { state.isTiming = state.isTiming || state.feeder != nil }
                return state.feeder != nil && !state.isTiming
            }
            if starts { time.after(Self.turn) { [weak self] in self?.passTurn() } }
        }
    }

    private func passTurn() {
        let feeder = state.withLock { state in
            state.isTiming = false
            state.table.passTurn()
            defer { state.feeder = nil }
            return state.feeder
        }
        feeder?.resume(returning: true)
    }

    /// Where there is no room: what waits behind messages that fail, for the source to keep. Nothing where no worker would
    /// be there for other keys.
    func takeOverflow() -> [Shelved] {
        guard let shelf else { return [] }
        return act { state in
            guard !state.closed, isFull(state), !state.workers.isEmpty,
                shelf.isOpen(keys: state.table.shelvingCount)
            else { return [] }
            let overflow = state.table.takeOverflow()
            for (_, parcel) in overflow { state.size -= parcel.delivery.size }
            return overflow
        }
    }

    /// The source has everything that was given back: so many.
    func noteKept(_ count: Int) {
        shelf?.noteShelved(count)
        act { $0.table.noteKept() }
    }

    /// Nil when it was closed.
    var hasRoom: Bool? { state.withLock { $0.closed ? nil : !isFull($0) } }

    private func isFull(_ state: State) -> Bool { state.table.count >= capacity || state.size >= Self.capacityBytes }

    private static func take(_ state: inout State) -> (Lane, Parcel)? {
        guard let taken = state.table.take() else { return nil }
        state.size -= taken.1.delivery.size
        return taken
    }

    /// The source has nothing more of this key.
    func noteExhausted(_ key: [UInt8]) { act { $0.table.noteExhausted(key) } }

    /// The source has lost what it was asked for.
    func noteRestart() { act { $0.table.noteRestart() } }

    /// No more will be added.
    func finish() {
        act { state in
            state.finished = true
            state.table.finish()
        }
    }

    /// Takes everything out that is not in a worker's hands, and lets the workers end.
    func close() -> [Parcel] {
        act { state in
            state.closed = true
            state.size = 0
            return state.table.removeAll()
        }
    }

    /// Changes the state, then resumes outside the lock the workers that can go on, and asks the source for what is wanted.
    @discardableResult
    private func act<Result>(_ change: (inout State) -> sending Result) -> Result {
        let (result, effects) = state.withLock { state -> (Result, Effects?) in
            let result = change(&state)
            return (result, self.effects(of: &state))
        }
        if let effects { perform(effects) }
        return result
    }

    /// What a change leads to, for after the unlocking.
    private struct Effects {
        var worker: (Worker, (Lane, Parcel))?
        /// Workers that end.
        var ended = Deque<Worker>()
        var feeder: UnsafeContinuation<Bool, Never>?
        var closed: Bool
        var wanted: [[UInt8]]
    }

    /// - Returns: nil for nothing, which is what most changes lead to.
    private func effects(of state: inout State) -> Effects? {
        let wakesFeeder = state.feeder != nil && (state.closed || !isFull(state))
        let ends = state.closed || (state.finished && state.table.occupied == 0)
        let wakesWorker = !state.workers.isEmpty && (ends || state.table.hasReady)
        guard wakesFeeder || wakesWorker || state.table.wantsMore else { return nil }
        var effects = Effects(closed: state.closed, wanted: state.table.takeWanted())
        if wakesWorker, ends {
            swap(&effects.ended, &state.workers)
        } else if wakesWorker, let taken = Self.take(&state), let worker = state.workers.popFirst() {
            effects.worker = (worker, taken)
        }
        if wakesFeeder {
            effects.feeder = state.feeder
            state.feeder = nil
        }
        return effects
    }

    private func perform(_ effects: Effects) {
        if let (worker, taken) = effects.worker { worker.resume(returning: taken) }
        for worker in effects.ended { worker.resume(returning: nil) }
        effects.feeder?.resume(returning: !effects.closed)
        for key in effects.wanted { shelf?.request(key) }
    }
}
