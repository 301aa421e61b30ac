import DequeModule

/// What a source in memory has put aside behind its keys, and what was asked for of it. A state machine without I/O.
package struct KeyShelf<Item: KeyShelfItem> {
    package struct Request: Equatable {
        package let key: [UInt8]
        /// Who asked; nil where the messages are for any subscription.
        package let subscription: ObjectIdentifier?
    }

    /// How many messages of a key are handed out at once.
    package static var portion: Int { 64 }

    /// Ascending by place; none is empty.
    private(set) var queues: [[UInt8]: Deque<Item>] = [:]
    private(set) var requests: Deque<Request> = []
    package private(set) var count = 0
    /// The bytes of all of them.
    package private(set) var size = 0

    package init() {}

    package var keyCount: Int { queues.count }

    /// Whether there is nothing to hand out or to answer.
    package var isIdle: Bool { count == 0 && requests.isEmpty }

    package func holds(_ key: [UInt8]) -> Bool { queues[key] != nil }

    package mutating func put(_ item: Item, _ key: [UInt8]) {
        var queue = queues.removeValue(forKey: key) ?? []
        var place = queue.count
        while place > 0, queue[place - 1].place > item.place { place -= 1 }
        queue.insert(item, at: place)
        queues[key] = queue
        count += 1
        size += item.size
    }

    package mutating func request(_ key: [UInt8], for subscription: ObjectIdentifier?) {
        let request = Request(key: key, subscription: subscription)
        guard !requests.contains(request) else { return }
        // What no one asked for would be a second answer.
        if subscription != nil { requests.removeAll { $0.key == key && $0.subscription == nil } }
        requests.append(request)
    }

    /// Hands out what is there of each key to a reader that does not know of it.
    package mutating func requestAll() {
        for key in queues.keys.sorted(by: { $0.lexicographicallyPrecedes($1) })
        where !requests.contains(where: { $0.key == key }) {
            request(key, for: nil)
        }
    }

    package mutating func forget(_ subscription: ObjectIdentifier) {
        requests.removeAll { $0.subscription == subscription }
    }

    package mutating func nextRequest(_ canMeet: (Request) -> Bool) -> Request? {
        requests.firstIndex(where: canMeet).map { requests.remove(at: $0) }
    }

    /// - Returns: the oldest of the key, at most `limit` and until `bytes` are used up, and whether these are all.
    package mutating func take(_ key: [UInt8], limit: Int, bytes: Int) -> (items: [Item], isLast: Bool) {
        guard var queue = queues.removeValue(forKey: key) else { return ([], true) }
        var left = bytes
        var taken: [Item] = []
        taken.reserveCapacity(min(limit, queue.count))
        // Not by a slice: one that is alive when something is removed makes the queue copy itself.
        while taken.count < min(limit, queue.count), left > 0 {
            let item = queue[taken.count]
            left = left.subtractingSaturated(item.size)
            taken.append(item)
        }
        queue.removeFirst(taken.count)
        count -= taken.count
        for item in taken { size -= item.size }
        if !queue.isEmpty { queues[key] = queue }
        return (taken, queue.isEmpty)
    }

    /// - Returns: everything, in order.
    package mutating func removeAll() -> [Item] {
        defer { self = KeyShelf() }
        return queues.values.joined().sorted { $0.place < $1.place }
    }

    /// Drops what is not the source's to give any more.
    package mutating func removeAll(where isGone: (Item) -> Bool) {
        for (key, queue) in queues {
            let left = queue.filter { !isGone($0) }
            guard left.count < queue.count else { continue }
            count -= queue.count - left.count
            for item in queue where isGone(item) { size -= item.size }
            queues[key] = left.isEmpty ? nil : Deque(left)
        }
    }
}

package protocol KeyShelfItem: Sendable {
    /// Orders the messages of a key.
    var place: UInt64 { get }
    /// About how many bytes it takes up.
    var size: Int { get }
}
