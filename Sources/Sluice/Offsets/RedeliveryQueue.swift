/// Messages that a source delivers again once they are due. A state machine without I/O.
package struct RedeliveryQueue<Item> {
    /// A message that waits.
    package struct Entry {
        /// When it may be delivered again.
        package fileprivate(set) var due: MonotonicTime
        /// Where it stands in its log: of those that are due together, the oldest comes first.
        package let place: Int64
        package let item: Item

        package init(_ item: Item, at place: Int64, due: MonotonicTime = .longAgo) {
            self.due = due
            self.place = place
            self.item = item
        }
    }

    /// Ascending by due time, then place.
    package private(set) var entries: [Entry] = []
    private let pacing: RedeliveryPacing

    package init(pacing: RedeliveryPacing = RedeliveryPacing()) {
        self.pacing = pacing
    }

    package var count: Int { entries.count }
    package var isEmpty: Bool { entries.isEmpty }

    /// When the next one is due.
    package var nextDue: MonotonicTime? { entries.first?.due }

    package mutating func insert(_ entry: Entry) {
        entries.insert(entry, at: entries.partitioningIndex { ($0.due, $0.place) > (entry.due, entry.place) })
    }

    /// A message was rejected.
    /// - Parameters:
    ///   - attempt: which attempt that was, from 1.
    ///   - delay: what the rejection asks for; nil leaves it to the pacing.
    /// - Returns: when it is due.
    @discardableResult
    package mutating func reject(
        _ item: Item, at place: Int64, attempt: Int, after delay: Duration?, now: MonotonicTime
    ) -> MonotonicTime {
        let delay = delay ?? pacing.delay(afterAttempt: attempt)
        let due = delay > .zero ? now.advanced(by: delay) : .longAgo
        insert(Entry(item, at: place, due: due))
        return due
    }

    /// Takes messages that are due, in order.
    package mutating func takeDue(now: MonotonicTime, limit: Int = .max) -> [Entry] {
        guard let nextDue, nextDue <= now, limit > 0 else { return [] }
        let count = min(limit, entries.partitioningIndex { $0.due > now })
        defer { entries.removeFirst(count) }
        return Array(entries.prefix(count))
    }

    package mutating func removeAll(where isGone: (Entry) -> Bool) {
        entries.removeAll(where: isGone)
    }

    /// All of them are due at once.
    package mutating func hasten() {
        for index in entries.indices { entries[index].due = .longAgo }
        entries.sort { $0.place < $1.place }
    }
}

extension RedeliveryQueue: Sendable where Item: Sendable {}

extension RedeliveryQueue.Entry: Sendable where Item: Sendable {}
