import GRDB
import Sluice
import Synchronization

/// Puts aside what is new of a group's shelved keys, and hands out again what is wanted of them.
extension ReaderLoop {
    /// How many messages of a key are handed out at once.
    private static let portion = 64

    private typealias KeyOf = (Message, Delivery.Origin) -> [UInt8]?

    /// How the group is read, as far as its subscriptions have said.
    static func reading(of feeds: [SubscriptionFeed]) -> Shelf.Reading {
        var found = Shelf.Reading.undecided
        for feed in feeds {
            switch feed.subscription.shelf?.reading ?? .plain {
            case .undecided: continue
            case .plain: found = .plain
            case .keyed(let key): return .keyed(key)
            }
        }
        return found
    }

    /// Whether one of the subscriptions wants others to be read past what is put aside.
    static func isOpen(_ feeds: [SubscriptionFeed], keys: Int) -> Bool {
        feeds.contains { $0.subscription.shelf?.isOpen(keys: keys) ?? true }
    }

    // MARK: Putting aside

    /// Keeps what is of a key that has something on the shelf already.
    /// - Returns: the others.
    func putAside(
        _ messages: [StoredMessage], _ plan: Plan, _ group: ConsumerGroup
    ) -> [StoredMessage] {
        guard case .keyed(let select)? = plan.shelf, !messages.isEmpty else { return messages }
        let keys = messages.map { stored in select(stored.message, stored.origin) }
        let (rest, count, announce) = group.state.withLock { state -> ([StoredMessage], Int, Bool) in
            guard state.generation == plan.generation, let shelved = state.ledger?.shelf.keys else {
                return ([], 0, false)
            }
            var rest: [StoredMessage] = []
            var aside: [ShelfLedger.Entry] = []
            for (message, key) in zip(messages, keys) {
                if let key, shelved[key] != nil {
                    aside.append(ShelfLedger.Entry(offset: message.offset, key: key))
                } else {
                    rest.append(message)
                }
            }
            guard !aside.isEmpty else { return (rest, 0, false) }
            aside.sort { $0.offset < $1.offset }
            state.ledger?.shelve(aside)
            return (rest, aside.count, ConsumerGroup.noteChange(&state))
        }
        if count > 0 { for (feed, _) in plan.feeds { feed.subscription.shelf?.noteShelved(count) } }
        if announce { writer.announce(group) }
        return rest
    }

    // MARK: Handing out

    /// Hands out what is wanted of the shelf, as far as there is room.
    /// - Returns: whether anything was done.
    func feedShelf(
        _ reading: Shelf.Reading, _ plan: inout Plan, _ group: ConsumerGroup, _ cursor: TopicCursor,
        _ now: MonotonicTime
    ) throws(SQLiteLogError) -> Bool {
        // What is due again is older than much of the shelf.
        if plan.isShelfResting {
            plan.limit = 0
            return false
        }
        switch reading {
        case .undecided: return false
        case .plain: return try feedInOrder(&plan, group, cursor, now)
        case .keyed(let select): return try feedKeys(select, &plan, group, cursor, now)
        }
    }

    private func feedKeys(
        _ select: KeyOf, _ plan: inout Plan, _ group: ConsumerGroup, _ cursor: TopicCursor, _ now: MonotonicTime
    ) throws(SQLiteLogError) -> Bool {
        var isBusy = false
        var postponed: [ShelfLedger.Request] = []
        defer {
            if !postponed.isEmpty {
                group.state.withLock { state in
                    for request in postponed { state.ledger?.shelf.request(request.key, for: request.feed) }
                }
            }
        }
        while plan.limit > 0, plan.bytes > 0 {
            let feeds = plan.feeds
            let next = group.state.withLock { state -> (ShelfLedger.Request, after: Int64, version: UInt64)? in
                guard state.generation == plan.generation,
                    let request = state.ledger?.shelf.nextRequest({ Self.target($0, feeds) != nil })
                else { return nil }
                return (request, state.ledger?.shelf.keys[request.key] ?? 0, state.ledger?.shelf.version ?? 0)
            }
            guard let (request, after, version) = next, let index = Self.target(request.feed, feeds) else { break }
            let limit = min(Self.portion, plan.limit, plan.feeds[index].room)
            let rows: [Int64]
            do {
                rows = try shelvedOffsets(plan.row, request.key, after: after, limit: limit)
            } catch {
                postponed.append(request)
                throw error
            }
            let taken = group.state.withLock { state -> ShelfLedger.Portion? in
                // Rows that were being written while the file was read may have been seen in neither place.
                guard state.generation == plan.generation, let unread = state.ledger?.unread,
                    state.ledger?.shelf.version == version, (state.ledger?.shelf.keys[request.key] ?? 0) == after
                else { return nil }
                return state.ledger?.shelf.take(request.key, rows: rows, limit: limit, before: unread)
            }
            guard let taken else {
                postponed.append(request)
                isBusy = true
                break
            }
            var messages: [StoredMessage]
            let isCut: Bool
            do {
                (messages, isCut) = try stored(taken.offsets, plan, group, cursor)
            } catch {
                postponed.append(request)
                throw error
            }
            let all = messages.count
            messages = moveStrays(of: request.key, messages, select, plan, group, now)
            if messages.count < all { isBusy = true }
            if !messages.isEmpty {
                offer(
                    messages[...], to: plan.feeds[index].feed, plan, group, now,
                    end: taken.isLast && !isCut ? .last : .more)
                plan.feeds[index].room -= messages.count
                plan.limit -= messages.count
                plan.bytes -= messages.reduce(0) { $0 + $1.size }
                isBusy = true
            } else if taken.isLast, !isCut {
                plan.feeds[index].feed.subscription.shelf?.noteExhausted(request.key)
            } else {
                // Older ones have to be read first, or these were out already.
                postponed.append(request)
                isBusy = isBusy || !taken.offsets.isEmpty
            }
        }
        return isBusy
    }

    /// The route may be read by other keys than when these were put aside: each goes to the shelf of its own key, and what
    /// has none now is delivered.
    /// - Returns: those that are of the key.
    private func moveStrays(
        of key: [UInt8], _ messages: [StoredMessage], _ select: KeyOf, _ plan: Plan, _ group: ConsumerGroup,
        _ now: MonotonicTime
    ) -> [StoredMessage] {
        let keys = messages.map { select($0.message, $0.origin) }
        guard !keys.allSatisfy({ $0 == key }) else { return messages }
        var ours: [StoredMessage] = []
        var free: [StoredMessage] = []
        var strays: [ShelfLedger.Entry] = []
        for (message, own) in zip(messages, keys) {
            switch own {
            case key?: ours.append(message)
            case let own?: strays.append(ShelfLedger.Entry(offset: message.offset, key: own))
            case nil: free.append(message)
            }
        }
        let announce = group.state.withLock { state -> Bool in
            guard state.generation == plan.generation else { return false }
            state.ledger?.moveShelved(strays)
            return ConsumerGroup.noteChange(&state)
        }
        if announce { writer.announce(group) }
        deliver(free, plan, group, now)
        return ours
    }

    /// Who gets the answer; nil while there is no room.
    private static func target(_ feed: UInt32?, _ feeds: [(feed: SubscriptionFeed, room: Int)]) -> Int? {
        feeds.firstIndex { entry in
            guard entry.room > 0 else { return false }
            if let feed { return entry.feed.id == feed }
            return true
        }
    }

    /// Hands the shelf out to a reader that keeps the log's order: with what lies between in it.
    private func feedInOrder(
        _ plan: inout Plan, _ group: ConsumerGroup, _ cursor: TopicCursor, _ now: MonotonicTime
    ) throws(SQLiteLogError) -> Bool {
        plan.feeds.removeAll { $0.room <= 0 }
        let room = min(plan.limit, plan.feeds.reduce(0) { $0 + $1.room }, 512)
        guard room > 0 else { return false }
        let start = group.state.withLock { state -> (through: Int64, version: UInt64)? in
            guard state.generation == plan.generation, let shelf = state.ledger?.shelf, shelf.unwritten.isEmpty else {
                return nil
            }
            return (shelf.through, shelf.version)
        }
        guard let start else {
            // The commit that writes the rows wakes this thread.
            plan.limit = 0
            return false
        }
        let rows = try shelvedInOrder(plan.row, after: start.through, limit: room)
        if let first = rows.first, plan.fresh.lowerBound < first.offset {
            plan.fresh = plan.fresh.lowerBound...min(plan.fresh.upperBound, first.offset - 1)
            return false
        }
        let before = plan.fresh.lowerBound
        let offsets = group.state.withLock { state -> [Int64]? in
            guard state.generation == plan.generation, state.ledger?.shelf.version == start.version,
                state.ledger?.shelf.through == start.through
            else { return nil }
            return state.ledger?.shelf.take(inOrder: rows.filter { $0.offset < before })
        }
        guard let offsets else {
            plan.limit = 0
            return true
        }
        // There are no more: what is new follows at once.
        if rows.isEmpty { return false }
        deliver(try stored(offsets, plan, group, cursor).messages, plan, group, now)
        plan.limit = 0
        return true
    }

    /// The messages of what was taken from the shelf, without those that retention took, as far as their bytes fit.
    /// - Returns: whether the last ones went back to the shelf.
    private func stored(
        _ offsets: [Int64], _ plan: Plan, _ group: ConsumerGroup, _ cursor: TopicCursor
    ) throws(SQLiteLogError) -> (messages: [StoredMessage], isCut: Bool) {
        var messages: [StoredMessage] = []
        var left = plan.bytes
        var rest = offsets[...]
        var vanished: [Int64] = []
        do {
            while left > 0, let offset = rest.popFirst() {
                if let stored = try cursor.read(offset...offset, limit: 1, bytes: 1).messages.first {
                    messages.append(stored)
                    left -= stored.size
                } else {
                    vanished.append(offset)
                }
            }
        } catch {
            group.state.withLock { state in
                guard state.generation == plan.generation else { return }
                state.ledger?.unshelve(offsets[...])
            }
            throw error
        }
        if !vanished.isEmpty || !rest.isEmpty {
            group.state.withLock { state in
                guard state.generation == plan.generation else { return }
                state.ledger?.unshelve(vanished[...], finished: true)
                state.ledger?.unshelve(rest)
            }
        }
        return (messages, !rest.isEmpty)
    }

    // MARK: The rows

    private func shelvedOffsets(
        _ group: Int64, _ key: [UInt8], after offset: Int64, limit: Int
    ) throws(SQLiteLogError) -> [Int64] {
        findShelved.bind(group, at: 1)
        findShelved.bind(key, at: 2)
        findShelved.bind(offset, at: 3)
        findShelved.bind(Int64(limit), at: 4)
        defer { findShelved.reset() }
        var offsets: [Int64] = []
        while try findShelved.step() { offsets.append(findShelved.integer(0)) }
        return offsets
    }

    private func shelvedInOrder(
        _ group: Int64, after offset: Int64, limit: Int
    ) throws(SQLiteLogError) -> [ShelfLedger.Entry] {
        findShelvedInOrder.bind(group, at: 1)
        findShelvedInOrder.bind(offset, at: 2)
        findShelvedInOrder.bind(Int64(limit), at: 3)
        defer { findShelvedInOrder.reset() }
        var rows: [ShelfLedger.Entry] = []
        while try findShelvedInOrder.step() {
            rows.append(ShelfLedger.Entry(offset: findShelvedInOrder.integer(0), key: findShelvedInOrder.bytes(1)))
        }
        return rows
    }
}
