import DequeModule

/// What a topic knows: the messages that not every group has been given yet, or all of them when it is persistent,
/// and how far each group is.
///
/// It moves messages to the subscriptions' buffers itself, under the topic's lock, so that their order is the
/// topic's; whom that wakes it returns.
struct MemoryTopicState {
    /// A message that came back.
    struct Returned: KeyShelfItem {
        let sequence: UInt64
        let message: Message
        /// How often it has been delivered.
        let attempt: Int
        var key: [UInt8]?
        let progress: Delivery.Progress?

        var place: UInt64 { sequence }
        var size: Int { message.size }
    }

    struct Group {
        let settler: MemoryGroup
        let capacity: Int
        /// The sequence number of the next message to deliver for the first time.
        var cursor: UInt64
        /// In order; all of them are older than the cursor.
        var returned = Deque<Returned>()
        /// Those that were rejected and wait before they come back.
        var delayed: RedeliveryQueue<Returned>
        /// Deliveries that are out, and those that wait for their redelivery. Counted only where there is a limit.
        var unsettled = 0
        var subscriptions: [Subscription] = []
        var turn = 0
        /// What waits behind another of its key.
        var shelf = KeyShelf<Returned>()
    }

    /// An object, so that the path of every message retains one thing instead of two.
    private final class Direct: Sendable {
        let settler: MemoryGroup
        let subscription: Subscription

        init(_ settler: MemoryGroup, _ subscription: Subscription) {
            self.settler = settler
            self.subscription = subscription
        }
    }

    let isPersistent: Bool
    let time: RouterTime
    var log = Deque<Message>()
    /// The keys of the log's messages that have one, by sequence number: none at all where no publisher chooses keys.
    private var keys: [UInt64: [UInt8]] = [:]
    /// The bytes of the log's messages; not counted where all of them are kept.
    private var logSize = 0
    /// The sequence number of the log's first message.
    var base: UInt64 = 0
    var groups: [Group] = []
    /// The only group and its only subscription, where that is all there is.
    private var direct: Direct?
    /// How many messages came back and wait to be given again, on the shelf or not, in all groups.
    var heldCount = 0
    /// Subscriptions that have asked for what is not there, to be told after unlocking.
    var exhausted: [(Subscription, [UInt8])] = []

    private let pacing: RedeliveryPacing

    init(isPersistent: Bool, pacing: RedeliveryPacing = RedeliveryPacing(), time: RouterTime = .real) {
        self.isPersistent = isPersistent
        self.pacing = pacing
        self.time = time
    }

    var end: UInt64 { base &+ UInt64(log.count) }

    func index(of group: MemoryGroup) -> Int? {
        groups.firstIndex { $0.settler === group }
    }

    /// How many messages the group has still to be given.
    func pending(_ group: Group) -> Int {
        group.returned.count + group.shelf.count + Int(end &- group.cursor)
    }

    /// A new group reads a persistent topic from its beginning, and any other from here on.
    mutating func addGroup(_ group: MemoryGroup, capacity: Int) {
        groups.append(
            Group(
                settler: group, capacity: capacity, cursor: isPersistent ? base : end,
                delayed: RedeliveryQueue(pacing: pacing)))
    }

    mutating func add(_ subscription: Subscription, toGroup index: Int) {
        groups[index].subscriptions.append(subscription)
        chooseDirect()
    }

    /// - Returns: what there was, to be ended outside of the lock.
    mutating func removeAll() -> [Subscription] {
        defer {
            groups = []
            heldCount = 0
            chooseDirect()
        }
        return groups.flatMap(\.subscriptions)
    }

    /// Lets go of subscriptions that have ended.
    /// - Returns: the groups that are gone because nothing can name them.
    mutating func removeEnded() -> [MemoryGroup] {
        for index in groups.indices {
            for ended in groups[index].subscriptions where ended.isEnded {
                groups[index].shelf.forget(ObjectIdentifier(ended))
            }
            groups[index].subscriptions.removeAll(where: \.isEnded)
            if !groups[index].subscriptions.isEmpty { groups[index].shelf.requestAll() }
        }
        let gone = groups.filter { $0.settler.name == nil && $0.subscriptions.isEmpty }.map(\.settler)
        groups.removeAll { $0.settler.name == nil && $0.subscriptions.isEmpty }
        heldCount = groups.reduce(0) { $0 + $1.returned.count + $1.shelf.count }
        chooseDirect()
        return gone
    }

    /// Takes as many of the messages as every group has room for, and delivers what can be delivered.
    /// - Parameter keys: of the messages, by the same index; empty where they have none.
    mutating func accept(
        _ messages: ArraySlice<Message>, _ keys: [[UInt8]?], _ wakes: inout [Subscription.Wake]
    ) -> Int {
        let rooms = rooms
        var count = min(messages.count, rooms.count)
        guard count > 0 else { return 0 }
        guard isPersistent || !groups.isEmpty else {
            base &+= UInt64(count)
            return count
        }
        if !isPersistent { count = affordable(messages.prefix(count), rooms.bytes) }
        for (index, sequence) in zip(keys.isEmpty ? messages.indices.prefix(0) : messages.indices.prefix(count), end...)
        {
            self.keys[sequence] = keys[index]
        }
        log.append(contentsOf: messages.prefix(count))
        for index in groups.indices { deliver(index, &wakes) }
        trim()
        return count
    }

    /// Counts the bytes of as many of the messages as there is room for; the last one may exceed it.
    private mutating func affordable(_ messages: ArraySlice<Message>, _ bytes: Int) -> Int {
        var (count, size) = (0, 0)
        for message in messages where size < bytes {
            size += message.size
            count += 1
        }
        logSize += size
        return count
    }

    /// The common case, one group with one subscription that keeps up: nothing passes through the log.
    /// - Returns: nil when it is another case.
    mutating func acceptDirectly(_ messages: [Message], _ keys: [[UInt8]?]) -> (taken: Int, wake: Subscription.Wake)? {
        guard heldCount == 0, log.isEmpty, let direct else { return nil }
        let arrival = time.now
        let base = base
        var position = 0
        let (taken, wake) = direct.subscription.offer(upTo: messages.count) {
            defer { position += 1 }
            if !keys.isEmpty {
                return Delivery(
                    messages[position], origin: Delivery.Origin(key: keys[position]), settler: direct.settler,
                    tag: base &+ UInt64(position), arrival: arrival)
            }
            return Delivery(
                messages[position], settler: direct.settler, tag: base &+ UInt64(position), arrival: arrival)
        }
        self.base = base &+ UInt64(taken)
        groups[0].cursor = self.base
        return (taken, wake)
    }

    /// Notes whether the next publish may go straight to a subscription's buffer.
    private mutating func chooseDirect() {
        direct = nil
        guard !isPersistent, groups.count == 1, groups[0].subscriptions.count == 1,
            groups[0].settler.maxInFlight == nil
        else { return }
        direct = Direct(groups[0].settler, groups[0].subscriptions[0])
    }

    /// How many messages more may be published now.
    var room: Int { rooms.count }

    /// How many messages and bytes more may be published now: both are 0 when either is.
    private var rooms: (count: Int, bytes: Int) {
        guard !isPersistent else { return (.max, .max) }
        var (count, bytes) = (Int.max, Int.max)
        for group in groups {
            var free = (count: group.capacity, bytes: Self.capacityBytes)
            // A group that buffers in its subscriptions needs no room beside it.
            if group.settler.maxInFlight == nil, !group.subscriptions.isEmpty {
                free = group.subscriptions.reduce((0, 0)) { free, subscription in
                    let rooms = subscription.rooms
                    return (free.count + rooms.count, free.bytes + rooms.bytes)
                }
            }
            // What is put aside takes nothing from what others can be given.
            count = min(count, free.count - pending(group) + group.shelf.count)
            bytes = min(bytes, free.bytes - logSize)
        }
        return count > 0 && bytes > 0 ? (count, bytes) : (0, 0)
    }

    /// What a group holds at most that has no subscription to hold it.
    private static let capacityBytes = 16 << 20

    /// Moves what the group has still to be given to those of its subscriptions that have room, turn by turn.
    mutating func deliver(_ index: Int, _ wakes: inout [Subscription.Wake]) {
        guard groups[index].shelf.isIdle else {
            return deliverAround(index, &wakes)
        }
        guard deliverable(index) > 0, !groups[index].subscriptions.isEmpty else { return }
        let arrival = time.now
        let members = groups[index].subscriptions.count
        var full = 0
        var turns = 0
        var share = 0
        while full < members {
            let available = deliverable(index)
            guard available > 0 else { return }
            if turns % members == 0 { share = (available + members - 1) / members }
            turns += 1
            let subscription = groups[index].subscriptions[groups[index].turn % members]
            groups[index].turn = (groups[index].turn + 1) % members
            let wanted = min(share, available)
            let (taken, wake) = subscription.offer(upTo: wanted) { takeNext(index, arrival) }
            if wake.isNeeded { wakes.append(wake) }
            full = taken < wanted ? full + 1 : 0
        }
    }

    func deliverable(_ index: Int) -> Int {
        let pending = pending(groups[index]) - groups[index].shelf.count
        guard let limit = groups[index].settler.maxInFlight else { return pending }
        return min(pending, limit - groups[index].unsettled)
    }

    mutating func takeNext(_ index: Int, _ arrival: MonotonicTime) -> Delivery {
        if groups[index].settler.maxInFlight != nil { groups[index].unsettled += 1 }
        let settler = groups[index].settler
        if let again = groups[index].returned.popFirst() {
            heldCount -= 1
            return Delivery(
                again.message, origin: origin(again), settler: settler, tag: again.sequence, arrival: arrival)
        }
        let sequence = groups[index].cursor
        groups[index].cursor &+= 1
        let message = log[Int(sequence &- base)]
        guard let key = key(of: sequence) else {
            return Delivery(message, settler: settler, tag: sequence, arrival: arrival)
        }
        return Delivery(
            message, origin: Delivery.Origin(key: key), settler: settler, tag: sequence, arrival: arrival)
    }

    func key(of sequence: UInt64) -> [UInt8]? { keys.isEmpty ? nil : keys[sequence] }

    func origin(_ item: Returned) -> Delivery.Origin {
        Delivery.Origin(
            attempt: item.attempt + 1, redelivered: item.attempt > 0, key: item.key, progress: item.progress)
    }

    /// - Returns: when it comes back.
    mutating func reject(
        _ returned: Returned, _ index: Int, after delay: Duration?, now: MonotonicTime
    ) -> MonotonicTime {
        groups[index].delayed.reject(
            returned, at: Int64(clamping: returned.sequence), attempt: returned.attempt, after: delay, now: now)
    }

    /// Puts what is due back in its place among those that the group has still to be given.
    mutating func bringBack(_ index: Int, _ now: MonotonicTime, _ wakes: inout [Subscription.Wake]) {
        let due = groups[index].delayed.takeDue(now: now)
        guard !due.isEmpty else { return }
        if groups[index].settler.maxInFlight != nil { groups[index].unsettled -= due.count }
        for entry in due { returnToQueue(entry.item, index) }
        heldCount += due.count
        deliver(index, &wakes)
    }

    mutating func returnToQueue(_ returned: Returned, _ index: Int) {
        // Most come back in order, so the place is sought from the end.
        var place = groups[index].returned.count
        while place > 0, groups[index].returned[place - 1].sequence > returned.sequence { place -= 1 }
        groups[index].returned.insert(returned, at: place)
    }

    /// Forgets what every group has been given.
    mutating func trim() {
        guard !isPersistent, !log.isEmpty else { return }
        let oldest = groups.reduce(end) { min($0, $1.cursor) }
        let count = Int(oldest &- base)
        for message in log.prefix(count) { logSize -= message.size }
        log.removeFirst(count)
        if !keys.isEmpty { for sequence in base..<oldest { keys[sequence] = nil } }
        base = oldest
    }
}
