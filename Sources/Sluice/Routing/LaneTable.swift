import DequeModule

/// The keys that have messages, each with its queue: which may be taken, which are in a worker's hands, which wait for
/// a redelivery. A state machine without locks or waiting.
struct LaneTable<Parcel> {
    typealias Lane = Int

    private enum Phase {
        case ready, busy, parked, free
    }

    private struct Slot {
        var key: [UInt8]?
        var queue = Deque<Parcel>()
        var phase = Phase.free
    }

    private var slots: [Slot] = []
    private var free: [Lane] = []
    private var lanes: [[UInt8]: Lane] = [:]
    private var ready = Deque<Lane>()
    /// Parcels that are queued or parked; those in a worker's hands are not among them.
    private(set) var count = 0
    /// Lanes that have work: ready, busy, or parked.
    private(set) var occupied = 0

    var hasReady: Bool { !ready.isEmpty }

    mutating func add(_ parcel: Parcel, key: [UInt8]?) {
        count += 1
        if let key, let lane = lanes[key] {
            slots[lane].queue.append(parcel)
            return
        }
        let lane = allocate()
        if let key { lanes[key] = lane }
        slots[lane].key = key
        slots[lane].queue.append(parcel)
        slots[lane].phase = .ready
        ready.append(lane)
    }

    /// The next parcel of the lane that has been ready for the longest time. Its lane is busy from now on.
    mutating func take() -> (Lane, Parcel)? {
        guard let lane = ready.popFirst(), let parcel = slots[lane].queue.popFirst() else { return nil }
        slots[lane].phase = .busy
        count -= 1
        return (lane, parcel)
    }

    /// The parcel taken from this lane is done with.
    mutating func finish(_ lane: Lane) {
        guard slots.indices.contains(lane), slots[lane].phase == .busy else { return }
        if slots[lane].queue.isEmpty {
            vacate(lane)
        } else {
            slots[lane].phase = .ready
            ready.append(lane)
        }
    }

    /// The parcel taken from this lane goes back to its front, and the lane rests.
    mutating func park(_ lane: Lane, _ parcel: Parcel) {
        guard slots.indices.contains(lane), slots[lane].phase == .busy else { return }
        slots[lane].queue.prepend(parcel)
        slots[lane].phase = .parked
        count += 1
    }

    /// The lane has rested.
    mutating func unpark(_ lane: Lane) {
        guard slots.indices.contains(lane), slots[lane].phase == .parked else { return }
        slots[lane].phase = .ready
        ready.append(lane)
    }

    /// Takes everything out that is not in a worker's hands.
    mutating func removeAll() -> [Parcel] {
        var removed: [Parcel] = []
        for lane in slots.indices {
            removed.append(contentsOf: slots[lane].queue)
            slots[lane].queue = []
            if slots[lane].phase == .ready || slots[lane].phase == .parked { vacate(lane) }
        }
        ready = []
        count = 0
        return removed
    }

    private mutating func allocate() -> Lane {
        occupied += 1
        if let lane = free.popLast() { return lane }
        slots.append(Slot())
        return slots.count - 1
    }

    private mutating func vacate(_ lane: Lane) {
        if let key = slots[lane].key { lanes[key] = nil }
        slots[lane].key = nil
        slots[lane].phase = .free
        free.append(lane)
        occupied -= 1
    }
}
