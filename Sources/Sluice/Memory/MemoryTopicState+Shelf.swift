import DequeModule

/// What a group puts aside behind its keys, and hands out again.
extension MemoryTopicState {
    /// The group of a subscription.
    func index(of subscription: ObjectIdentifier?) -> Int? {
        groups.firstIndex { $0.subscriptions.contains { ObjectIdentifier($0) == subscription } }
    }

    /// A subscription has given a delivery back.
    mutating func shelve(_ returned: Returned, _ key: [UInt8], _ index: Int) {
        if groups[index].settler.maxInFlight != nil { groups[index].unsettled -= 1 }
        groups[index].shelf.put(returned, key)
        heldCount += 1
    }

    /// It was decided how a subscription is read.
    mutating func noteReading(_ index: Int) {
        switch reading(groups[index]) {
        case .undecided: return
        case .plain:
            for item in groups[index].shelf.removeAll() { returnToQueue(item, index) }
        case .keyed:
            // Others know what they have given back, and ask for it.
            if groups[index].subscriptions.count(where: { !$0.isEnded }) == 1 { groups[index].shelf.requestAll() }
        }
    }

    private func reading(_ group: Group) -> Shelf.Reading {
        var found = Shelf.Reading.undecided
        for subscription in group.subscriptions where !subscription.isEnded {
            switch subscription.shelf?.reading ?? .plain {
            case .undecided: continue
            case .plain: found = .plain
            case .keyed(let key): return .keyed(key)
            }
        }
        return found
    }

    /// Moves what the group has still to be given, and is of no key that has something on the shelf.
    mutating func deliverAround(_ index: Int, _ wakes: inout [Subscription.Wake]) {
        guard case .keyed(let select) = reading(groups[index]) else { return }
        let arrival = time.now
        if !groups[index].shelf.requests.isEmpty {
            for item in Array(groups[index].returned) {
                if let key = select(item.message, origin(item)), groups[index].shelf.holds(key) {
                    groups[index].returned.removeAll { $0.sequence == item.sequence }
                    groups[index].shelf.put(item, key)
                }
            }
            serve(index, arrival, &wakes)
        }
        while passHeads(index, select), deliverable(index) > 0, let target = nextWithRoom(index) {
            let (_, wake) = target.offer(upTo: 1) { takeNext(index, arrival) }
            if wake.isNeeded { wakes.append(wake) }
        }
    }

    /// Puts aside what comes next as long as it is of a shelved key.
    /// - Returns: whether something else is next.
    private mutating func passHeads(
        _ index: Int, _ select: (Message, Delivery.Origin) -> [UInt8]?
    ) -> Bool {
        let shelves = groups[index].subscriptions.compactMap(\.shelf)
        var count = 0
        defer { if count > 0 { for shelf in shelves { shelf.noteShelved(count) } } }
        while pending(groups[index]) > groups[index].shelf.count {
            let isNew = groups[index].returned.isEmpty
            let next =
                isNew
                ? Returned(
                    sequence: groups[index].cursor, message: log[Int(groups[index].cursor &- base)], attempt: 0,
                    key: key(of: groups[index].cursor), progress: nil)
                : groups[index].returned[0]
            guard let key = select(next.message, origin(next)), groups[index].shelf.holds(key) else { return true }
            if count.isMultiple(of: 256) {
                if count > 0 { for shelf in shelves { shelf.noteShelved(256) } }
                count = 0
                let keys = groups[index].shelf.queues.count
                guard shelves.contains(where: { $0.isOpen(keys: keys) }) else { return false }
            }
            count += 1
            if isNew {
                groups[index].cursor &+= 1
                heldCount += 1
            } else {
                groups[index].returned.removeFirst()
            }
            groups[index].shelf.put(next, key)
        }
        return false
    }

    private mutating func nextWithRoom(_ index: Int) -> Subscription? {
        let members = groups[index].subscriptions.count
        for _ in 0..<members {
            let subscription = groups[index].subscriptions[groups[index].turn % members]
            groups[index].turn = (groups[index].turn + 1) % members
            if Self.canTake(subscription) { return subscription }
        }
        return nil
    }

    private static func canTake(_ subscription: Subscription) -> Bool {
        if case .undecided? = subscription.shelf?.reading { return false }
        return subscription.room > 0
    }

    /// Answers what was asked for, as far as there is room.
    private mutating func serve(_ index: Int, _ arrival: MonotonicTime, _ wakes: inout [Subscription.Wake]) {
        let group = groups[index].settler
        while true {
            var limit = KeyShelf<Returned>.portion
            if let most = group.maxInFlight { limit = min(limit, most - groups[index].unsettled) }
            let members = groups[index].subscriptions
            let hasDelayed = !groups[index].delayed.isEmpty
            func target(_ request: KeyShelf<Returned>.Request) -> Subscription? {
                // What comes back later is older.
                if hasDelayed, request.subscription == nil { return nil }
                return members.first { subscription in
                    let isMeant = request.subscription.map { $0 == ObjectIdentifier(subscription) } ?? true
                    return isMeant && Self.canTake(subscription)
                }
            }
            guard limit > 0, let request = groups[index].shelf.nextRequest({ target($0) != nil }),
                let subscription = target(request)
            else { return }
            let (room, bytes) = subscription.rooms
            let (items, isLast) = groups[index].shelf.take(request.key, limit: min(limit, room), bytes: bytes)
            guard !items.isEmpty else {
                exhausted.append((subscription, request.key))
                continue
            }
            heldCount -= items.count
            if group.maxInFlight != nil { groups[index].unsettled += items.count }
            var position = 0
            let (taken, wake) = subscription.offer(upTo: items.count) {
                let item = items[position]
                position += 1
                let mark: Shelf.Mark = position < items.count ? .within : isLast ? .last : .more
                return Delivery(
                    item.message, origin: origin(item), settler: group, tag: item.sequence, arrival: arrival, mark: mark
                )
            }
            if wake.isNeeded { wakes.append(wake) }
            // It has ended in between.
            for item in items[taken...] { shelve(item, request.key, index) }
        }
    }
}
