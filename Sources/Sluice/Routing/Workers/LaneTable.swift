import DequeModule

/// The keys that have messages, each with its queue: which may be taken, which are in a worker's hands, which wait for
/// a redelivery. A state machine without locks or waiting.
///
/// Where the source has a shelf, the table holds few parcels behind one that fails, and the rest of the key is the
/// source's until the lane runs low.
struct LaneTable<Parcel> {
    typealias Lane = Int

    private enum Phase {
        case ready, busy, parked, free
        /// Without a parcel, until the source has said what it has on its shelf.
        case waiting
    }

    private struct Slot {
        /// Of a free lane the key of its last messages, so that the next of them find it again.
        var key: LaneKey?
        var queue = Deque<Parcel>()
        var phase = Phase.free
        /// Whether the source may have more of the key on its shelf, which comes before anything newer.
        var isShelving = false
        /// Whether the source was asked for it and has not answered to the end.
        var hasAsked = false
        /// Whether the source was given some of the key back since it was asked: its answer may lack these, and so what
        /// it holds of newer ones must not be taken.
        var isStale = false
        /// In which turn the first parcel was taken for the first time.
        var since: UInt64 = 0
        var hasFailed = false
        /// Whether it is among the ``free``.
        var isListed = false

        /// - Returns: whether the lane has become ready.
        mutating func append(_ parcel: Parcel) -> Bool {
            queue.append(parcel)
            guard phase == .free || phase == .waiting else { return false }
            phase = .ready
            return true
        }

        mutating func take(in turn: UInt64) -> Parcel? {
            guard let parcel = queue.popFirst() else { return nil }
            phase = .busy
            if !hasFailed { since = turn }
            return parcel
        }

        /// - Returns: what the lane does next; free is left to be done.
        mutating func finish(_ isFinishing: Bool) -> Phase {
            hasFailed = false
            if !queue.isEmpty {
                phase = .ready
            } else if isShelving, !isFinishing {
                // What is on the shelf is older than what may be on its way already.
                phase = .waiting
            } else {
                return .free
            }
            return phase
        }
    }

    /// A key of more bytes is not remembered by a free lane.
    private static var rememberedKey: Int { 256 }

    /// Of so many parcels in a lane the source is asked for more.
    private static var low: Int { 8 }

    private var slots: [Slot] = []
    /// Those that were free when they were put here. Some have been taken by their last key since.
    private var free: [Lane] = []
    private var lanes = LaneIndex()
    private var ready = Deque<Lane>()
    /// Parcels that are queued or parked; those in a worker's hands are not among them.
    private(set) var count = 0
    /// Lanes that have work: ready, busy, or parked.
    private(set) var occupied = 0
    /// Keys of which the source is to be asked for more.
    private var wanted: [[UInt8]] = []
    /// Whether parcels were given back that the source may not have yet.
    private var isOwing = false
    /// Counted by the feeder while it finds the table full: how long lanes have been busy.
    private var turn: UInt64 = 0
    /// Nothing is added any more, so nothing is waited for.
    private var isFinishing = false

    var hasReady: Bool { !ready.isEmpty }

    /// - Parameter mark: where the parcel comes from.
    /// - Returns: false when the source has to keep it, as it has older ones of the key.
    @discardableResult
    mutating func add(_ parcel: Parcel, key: LaneKey?, mark: Shelf.Mark = .none) -> Bool {
        let known = key.flatMap(find)
        if let known, slots[known].isShelving, mark == .none || slots[known].isStale {
            giveBack(known, mark)
            return false
        }
        count += 1
        let lane = known ?? allocate(key)
        if mark != .none, key != nil {
            slots[lane].isShelving = mark != .last
            slots[lane].hasAsked = mark == .within
        }
        let wasFree = slots[lane].phase == .free
        if slots[lane].append(parcel) { ready.append(lane) }
        if wasFree { occupied += 1 }
        return true
    }

    /// The next parcel of the lane that has been ready for the longest time. Its lane is busy from now on.
    mutating func take() -> (Lane, Parcel)? {
        guard let lane = ready.popFirst(), let parcel = slots[lane].take(in: turn) else { return nil }
        count -= 1
        return (lane, parcel)
    }

    /// The parcel taken from this lane is done with.
    mutating func finish(_ lane: Lane) {
        guard slots.indices.contains(lane), slots[lane].phase == .busy else { return }
        if slots[lane].isShelving { ask(lane) }
        switch slots[lane].finish(isFinishing) {
        case .ready: ready.append(lane)
        case .free: vacate(lane)
        case .waiting, .busy, .parked: break
        }
    }

    /// The parcel taken from this lane goes back to its front, and the lane rests.
    mutating func park(_ lane: Lane, _ parcel: Parcel) {
        guard slots.indices.contains(lane), slots[lane].phase == .busy else { return }
        slots[lane].queue.prepend(parcel)
        slots[lane].phase = .parked
        slots[lane].hasFailed = true
        count += 1
    }

    /// The lane has rested.
    /// - Returns: false when it did not rest any more.
    @discardableResult
    mutating func unpark(_ lane: Lane) -> Bool {
        guard slots.indices.contains(lane), slots[lane].phase == .parked else { return false }
        slots[lane].phase = .ready
        ready.append(lane)
        return true
    }

    /// Takes everything out that is not in a worker's hands.
    mutating func removeAll() -> [Parcel] {
        var removed: [Parcel] = []
        for lane in slots.indices {
            removed.append(contentsOf: slots[lane].queue)
            slots[lane].queue = []
            switch slots[lane].phase {
            case .ready, .parked, .waiting: vacate(lane)
            case .busy, .free: break
            }
        }
        ready = []
        count = 0
        return removed
    }

    // MARK: The shelf

    /// Time has passed in which there was no room.
    mutating func passTurn() {
        turn &+= 1
    }

    /// How many keys may have something on the source's shelf.
    var shelvingCount: Int { slots.count(where: \.isShelving) }

    /// Takes out what waits behind messages that fail, or take long, beyond a few of each key; of which the source has
    /// to keep the rest in this order.
    mutating func takeOverflow() -> [(key: [UInt8], parcel: Parcel)] {
        let taken = takeOverflow(keeping: 16)
        return taken.isEmpty ? takeOverflow(keeping: 0) : taken
    }

    private mutating func takeOverflow(keeping kept: Int) -> [(key: [UInt8], parcel: Parcel)] {
        var taken: [(key: [UInt8], parcel: Parcel)] = []
        for lane in slots.indices {
            guard let key = slots[lane].key, isHeldUp(slots[lane]) else { continue }
            // The one that failed is the queue's first unless a worker has it.
            let first = kept + (slots[lane].phase == .busy ? 0 : 1)
            guard slots[lane].queue.count > first else { continue }
            for parcel in slots[lane].queue[first...] { taken.append((key.bytes, parcel)) }
            count -= slots[lane].queue.count - first
            slots[lane].queue.removeLast(slots[lane].queue.count - first)
            slots[lane].isShelving = true
            slots[lane].isStale = slots[lane].hasAsked
            isOwing = true
        }
        return taken
    }

    /// The source has nothing more of this key.
    mutating func noteExhausted(_ key: [UInt8]) {
        guard let lane = find(LaneKey(key)), slots[lane].hasAsked else { return }
        slots[lane].hasAsked = false
        if slots[lane].isStale {
            slots[lane].isStale = false
            return ask(lane)
        }
        slots[lane].isShelving = false
        if slots[lane].phase == .waiting { vacate(lane) }
    }

    /// The source has lost what it was asked for.
    mutating func noteRestart() {
        for lane in slots.indices where slots[lane].hasAsked {
            slots[lane].hasAsked = false
            slots[lane].isStale = false
            ask(lane)
        }
    }

    /// Nothing will be added any more.
    mutating func finish() {
        isFinishing = true
        for lane in slots.indices where slots[lane].phase == .waiting { vacate(lane) }
    }

    private func isHeldUp(_ slot: Slot) -> Bool {
        switch slot.phase {
        case .parked: true
        case .busy, .ready: slot.hasFailed || (slot.phase == .busy && slot.since &+ 2 <= turn)
        case .free, .waiting: false
        }
    }

    /// One that comes from the source goes back to it.
    private mutating func giveBack(_ lane: Lane, _ mark: Shelf.Mark) {
        isOwing = true
        switch mark {
        case .none: slots[lane].isStale = slots[lane].hasAsked
        case .within: break
        case .more, .last:
            slots[lane].hasAsked = false
            slots[lane].isStale = false
            ask(lane)
        }
    }

    /// Asks the source for more of a lane that runs low.
    private mutating func ask(_ lane: Lane) {
        guard slots[lane].isShelving, !slots[lane].hasAsked, slots[lane].queue.count <= Self.low,
            let key = slots[lane].key
        else { return }
        slots[lane].hasAsked = true
        wanted.append(key.bytes)
    }

    /// The source has everything that was given back.
    mutating func noteKept() {
        isOwing = false
    }

    /// Whether the source is to be asked for something now.
    var wantsMore: Bool { !wanted.isEmpty && !isOwing }

    /// Keys that the source is to be asked for now.
    mutating func takeWanted() -> [[UInt8]] {
        guard wantsMore else { return [] }
        defer { wanted = [] }
        return wanted
    }

    private func find(_ key: LaneKey) -> Lane? {
        lanes.find(key.hash) { slots[$0].key?.bytes == key.bytes }
    }

    private mutating func allocate(_ key: LaneKey?) -> Lane {
        let lane = takeFree()
        forgetKey(lane)
        guard let key else { return lane }
        slots[lane].key = key
        lanes.insert(key.hash, lane)
        return lane
    }

    private mutating func forgetKey(_ lane: Lane) {
        guard let key = slots[lane].key else { return }
        lanes.remove(key.hash, lane)
        slots[lane].key = nil
    }

    private mutating func takeFree() -> Lane {
        while let lane = free.popLast() {
            slots[lane].isListed = false
            if slots[lane].phase == .free { return lane }
        }
        slots.append(Slot())
        return slots.count - 1
    }

    private mutating func vacate(_ lane: Lane) {
        if let key = slots[lane].key, key.bytes.count > Self.rememberedKey { forgetKey(lane) }
        slots[lane].phase = .free
        slots[lane].isShelving = false
        slots[lane].hasAsked = false
        slots[lane].isStale = false
        slots[lane].hasFailed = false
        if !slots[lane].isListed { free.append(lane) }
        slots[lane].isListed = true
        occupied -= 1
    }
}
