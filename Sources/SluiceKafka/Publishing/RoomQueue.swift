import DequeModule

/// Who waits for room in a full queue, first come, first served.
///
/// A waiter that is woken has the turn: it fills the room that it finds, then either passes the turn on or waits again, at the
/// front. So one thread at a time is woken, however many wait.
struct RoomQueue<Waiter> {
    enum Wait {
        case waiting
        /// Room was made since the caller last looked.
        case tryAgain
    }

    private var waiters = Deque<(ticket: UInt64, waiter: Waiter)>()
    private var isTurnTaken = false
    /// How often room was made.
    private(set) var generation: UInt64 = 0

    var isEmpty: Bool { waiters.isEmpty }

    /// - Parameters:
    ///   - seen: the generation before the caller looked for room and found none; nil where it did not look.
    ///   - hasTurn: whether it was woken from here before, and thus has the turn.
    mutating func wait(_ ticket: UInt64, _ waiter: Waiter, seen: UInt64?, hasTurn: Bool) -> Wait {
        let isBehindOthers = !hasTurn && (isTurnTaken || !waiters.isEmpty)
        guard isBehindOthers || seen == generation else { return .tryAgain }
        if hasTurn {
            isTurnTaken = false
            waiters.prepend((ticket, waiter))
        } else {
            waiters.append((ticket, waiter))
        }
        return .waiting
    }

    /// Room was made.
    /// - Returns: who has the turn now.
    mutating func makeRoom() -> Waiter? {
        generation &+= 1
        guard !isTurnTaken else { return nil }
        return next()
    }

    /// The holder of the turn needs no more room.
    mutating func passOn() -> Waiter? {
        isTurnTaken = false
        return next()
    }

    /// Takes out one that waits; nil where it has been woken.
    mutating func remove(_ ticket: UInt64) -> Waiter? {
        guard let index = waiters.firstIndex(where: { $0.ticket == ticket }) else { return nil }
        return waiters.remove(at: index).waiter
    }

    /// Takes out all that wait.
    mutating func removeAll() -> [Waiter] {
        defer { waiters.removeAll() }
        return waiters.map(\.waiter)
    }

    private mutating func next() -> Waiter? {
        guard let first = waiters.popFirst() else { return nil }
        isTurnTaken = true
        return first.waiter
    }
}
