import GRDB
import Sluice
import Synchronization

/// The reader's connection and all that its thread does with it: feeding subscriptions above all.
final class ReaderLoop {
    /// How many messages, and about how many bytes, are read at once, so that no read holds the write-ahead log for
    /// long.
    private static let chunkMessages = 512
    private static let chunkBytes = 4 << 20
    /// How many messages may be put aside that are not written yet.
    private static let unwrittenShelf = 4096

    let database: Database
    let path: String
    private let pollInterval: Duration
    private let registry: GroupRegistry
    let writer: WriterInbox
    private let reader: ReaderInbox
    let clock: ClockGuard
    private let dataVersion: SQLStatement
    private let findTopic: SQLStatement
    let findGroup: SQLStatement
    let findSettledMark: SQLStatement
    let findKey: SQLStatement
    let findShelved: SQLStatement
    let findShelvedInOrder: SQLStatement
    let groupTable: GroupTable
    private var cursors: [String: TopicCursor] = [:]
    private var knownVersion: Int64 = 0
    private var foreignCommits: UInt64 = 0
    private var nextPoll = MonotonicTime(nanoseconds: 0)
    private var progress: [ObjectIdentifier: Progress] = [:]

    /// What is known of the log's end for one group.
    private struct Progress {
        var endVersion: UInt64?
        var generation: UInt64 = 0
        var retryAt: MonotonicTime?
        /// Until when new messages gather.
        var gathersUntil: MonotonicTime?
    }

    init(
        _ database: Database, configuration: SQLiteLog.Configuration, registry: GroupRegistry, writer: WriterInbox,
        reader: ReaderInbox, clock: ClockGuard
    ) throws(SQLiteLogError) {
        self.database = database
        self.path = configuration.path
        self.pollInterval = configuration.pollInterval
        self.registry = registry
        self.writer = writer
        self.reader = reader
        self.clock = clock
        dataVersion = try SQLStatement(database, path: path, "PRAGMA data_version")
        findTopic = try SQLStatement(database, path: path, "SELECT id FROM topics WHERE name = ?")
        findGroup = try SQLStatement(
            database, path: path,
            """
            SELECT max(g.settled_through, t.deleted_through), g.settled_through, g.ahead, g.shelved,
                CASE WHEN g.shelved > 0 THEN \(ShelfTable.first) END
            FROM groups g JOIN topics t ON t.id = g.topic WHERE g.topic = ? AND g.name = ?
            """)
        findSettledMark = try SQLStatement(
            database, path: path,
            """
            SELECT max(g.settled_through, t.deleted_through), g.ahead_count
            FROM groups g JOIN topics t ON t.id = g.topic WHERE t.name = ? AND g.name = ?
            """)
        findShelved = try SQLStatement(
            database, path: path,
            "SELECT offset FROM shelved WHERE consumer_group = ? AND key = ? AND offset > ? ORDER BY offset LIMIT ?")
        findShelvedInOrder = try SQLStatement(
            database, path: path,
            "SELECT offset, key FROM shelved WHERE consumer_group = ? AND offset > ? ORDER BY offset LIMIT ?")
        let path = configuration.path
        groupTable = try GroupTable { sql throws(SQLiteLogError) in try SQLStatement(database, path: path, sql) }
        findKey = try SQLStatement(database, path: path, KeyIndex.query)
    }

    func prepare(_ sql: String) throws(SQLiteLogError) -> SQLStatement { try SQLStatement(database, path: path, sql) }

    // MARK: The thread

    func run() {
        while reader.runJobs(self) {
            let now = MonotonicTime.now()
            let groups = registry.all
            if groups.isEmpty {
                progress.removeAll()
                reader.signal.wait(until: nil)
                continue
            }
            if nextPoll <= now { poll(now) }
            var isBusy = false
            var wake = nextPoll
            let version = reader.appendCount &+ foreignCommits
            for group in groups {
                let outcome = feed(group, version, now)
                isBusy = isBusy || outcome.isBusy
                if let due = outcome.due { wake = min(wake, due) }
            }
            if !isBusy { reader.signal.wait(until: wake) }
        }
    }

    /// Commits of other processes show in a number that SQLite keeps in shared memory: reading it costs microseconds,
    /// while watching the file with inotify would wake this thread for each commit of its own process as well.
    private func poll(_ now: MonotonicTime) {
        if let version = try? dataVersion.integer(), version != knownVersion {
            knownVersion = version
            foreignCommits &+= 1
        }
        nextPoll = now.advanced(by: pollInterval)
    }

    func cursor(for topic: Topic) throws(SQLiteLogError) -> TopicCursor? {
        if let cursor = cursors[topic.name] { return cursor }
        findTopic.bind(topic.name, at: 1)
        guard let id = try findTopic.integer() else { return nil }
        let cursor = try TopicCursor(id: id, database: database, path: path)
        cursors[topic.name] = cursor
        return cursor
    }

    // MARK: Feeding

    struct Plan {
        var generation: UInt64
        var feeds: [(feed: SubscriptionFeed, room: Int)]
        var due: [GroupLedger.Waiting]
        var fresh: ClosedRange<Int64>
        var limit: Int
        var bytes: Int
        var deliveredBefore: Int64
        /// How the group is read, where it has put something aside; nil where it has not.
        var shelf: Shelf.Reading?
        /// The group's row.
        var row: Int64
        /// For how long new messages gather; nil where they do not.
        var gathering: Duration?
        /// Whether messages that are due keep the shelf from being handed out.
        var isShelfResting = false
        /// Whether nothing new may be put aside: too much is not written yet, or nothing would be won.
        var isShelfFull = false
    }

    /// - Parameter version: tells the log from one with more messages; read before anything else is.
    private func feed(
        _ group: ConsumerGroup, _ version: UInt64, _ now: MonotonicTime
    ) -> (isBusy: Bool, due: MonotonicTime?) {
        let identity = ObjectIdentifier(group)
        var progress = self.progress[identity] ?? Progress()
        defer { self.progress[identity] = progress }
        if let retryAt = progress.retryAt, retryAt > now { return (false, retryAt) }
        progress.retryAt = nil
        let (next, due) = group.state.withLock { makePlan(&$0, now) }
        guard var plan = next else { return (false, due) }
        if progress.generation != plan.generation { (progress.endVersion, progress.gathersUntil) = (nil, nil) }
        progress.generation = plan.generation
        do {
            guard let cursor = try cursor(for: group.topic) else { return (false, due) }
            let again = try redeliver(plan, group, cursor, now)
            for index in plan.feeds.indices { plan.feeds[index].room -= again.count }
            plan.bytes -= again.reduce(0) { $0 + $1.size }
            var isBusy = !again.isEmpty
            if let reading = plan.shelf {
                isBusy = try feedShelf(reading, &plan, group, cursor, now) || isBusy
                if plan.isShelfFull { return (isBusy, due) }
            }
            guard plan.limit > 0, progress.endVersion != version else { return (isBusy, due) }
            guard plan.bytes > 0 else { return (true, due) }
            if let gathersUntil = progress.gathersUntil, gathersUntil > now {
                return (isBusy, due.map { min($0, gathersUntil) } ?? gathersUntil)
            }
            let read = try cursor.read(plan.fresh, limit: plan.limit, bytes: plan.bytes)
            if read.isComplete, plan.fresh.upperBound == OffsetSet.limit {
                progress.endVersion = version
                progress.gathersUntil = read.messages.isEmpty ? nil : plan.gathering.map { now.advanced(by: $0) }
            }
            if note(read, plan, group) {
                plan.feeds.removeAll { $0.room <= 0 }
                deliver(putAside(read.messages, plan, group), plan, group, now)
            }
            return (true, due)
        } catch {
            return (false, fail(group, error, now, &progress))
        }
    }

    private func makePlan(_ state: inout ConsumerGroup.State, _ now: MonotonicTime) -> (Plan?, MonotonicTime?) {
        retire(&state, now)
        guard !state.feeds.isEmpty, state.leaseEnd > now, var ledger = state.ledger else { return (nil, nil) }
        // Taken out, so that changing it does not copy it.
        state.ledger = nil
        defer { state.ledger = ledger }
        ledger.absorb()
        let maxInFlight = state.feeds.map(\.maxInFlight).min() ?? 1
        let reading = ledger.shelf.isEmpty ? nil : Self.reading(of: state.feeds)
        var feeds: [(feed: SubscriptionFeed, room: Int)] = []
        var room = 0
        // Whatever share of what is read a subscription gets, it has room for it.
        var bytes = Self.chunkBytes
        for feed in state.feeds {
            let (free, freeBytes) = feed.subscription.rooms
            guard free > 0 else { continue }
            if reading != nil, case .undecided? = feed.subscription.shelf?.reading { continue }
            feeds.append((feed, free))
            room += free
            bytes = min(bytes, freeBytes)
        }
        let allowed = min(room, Self.chunkMessages)
        let due = ledger.takeDue(now: now, limit: allowed)
        let limit = min(allowed - due.count, maxInFlight - ledger.unsettled - due.count)
        // With nothing due and nothing allowed, settlements are what has to be waited for.
        state.wakeReaderAt = limit <= 0 || feeds.isEmpty ? max(1, ledger.underWay / 2) : nil
        guard !due.isEmpty || limit > 0 else { return (nil, room > 0 ? ledger.nextDue : nil) }
        var plan = Plan(
            generation: state.generation, feeds: feeds, due: due, fresh: ledger.settled.gap(after: ledger.cursor),
            limit: limit, bytes: bytes, deliveredBefore: ledger.deliveredBefore, shelf: reading, row: state.row ?? 0,
            gathering: state.feeds.map(\.gathering).min().flatMap { $0 > .zero ? $0 : nil })
        if reading != nil {
            plan.isShelfResting = ledger.nextDue.map { $0 <= now } ?? false
            plan.isShelfFull =
                ledger.shelf.unwritten.count >= Self.unwrittenShelf
                || !Self.isOpen(state.feeds, keys: ledger.shelf.keys.count)
        }
        return (plan, ledger.nextDue)
    }

    /// Lets go of subscriptions that have ended; what they hold goes to others.
    private func retire(_ state: inout ConsumerGroup.State, _ now: MonotonicTime) {
        let ended = state.feeds.filter(\.subscription.isEnded)
        guard !ended.isEmpty else { return }
        state.feeds.removeAll { feed in ended.contains { $0 === feed } }
        for feed in ended {
            feed.retire()
            state.ledger?.abandon(feed: feed.id)
            state.ledger?.shelf.forget(feed: feed.id)
        }
        state.ledger?.hasten()
        if !state.feeds.isEmpty { state.ledger?.shelf.requestAll() }
        if state.feeds.isEmpty {
            state.deserted = now
            let isAnnounced = state.isAnnounced
            state.isAnnounced = true
            if !isAnnounced, let group = ended.first?.group { writer.announce(group) }
        }
    }

    private func redeliver(
        _ plan: Plan, _ group: ConsumerGroup, _ cursor: TopicCursor, _ now: MonotonicTime
    ) throws(SQLiteLogError) -> [StoredMessage] {
        var messages: [StoredMessage] = []
        var size = 0
        for (index, waiting) in plan.due.enumerated() {
            guard size < plan.bytes else {
                // There is no room for these yet.
                putBack(Array(plan.due[index...]), plan, group)
                break
            }
            let stored: StoredMessage?
            do {
                stored = try cursor.read(waiting.place...waiting.place, limit: 1, bytes: 1).messages.first
            } catch {
                putBack(plan.due, plan, group)
                throw error
            }
            if var stored {
                stored.attempt = waiting.item
                messages.append(stored)
                size += stored.size
            } else {
                // Retention took it.
                group.state.withLock { $0.ledger?.vanish(waiting.place...waiting.place) }
            }
        }
        messages = putAside(messages, plan, group)
        deliver(messages, plan, group, now)
        return messages
    }

    /// Moves the group's cursor over what was read.
    /// - Returns: false when the group is no longer led here.
    private func note(_ read: TopicCursor.Chunk, _ plan: Plan, _ group: ConsumerGroup) -> Bool {
        group.state.withLock { state -> Bool in
            guard state.generation == plan.generation, state.ledger != nil else { return false }
            // Offsets are given out without gaps, so what is missing was deleted by retention.
            var expected = plan.fresh.lowerBound
            for message in read.messages {
                if message.offset > expected { state.ledger?.vanish(expected...(message.offset - 1)) }
                expected = message.offset + 1
            }
            let end = plan.fresh.upperBound
            if read.isComplete, end < OffsetSet.limit, expected <= end {
                state.ledger?.vanish(expected...end)
                expected = end + 1
            }
            state.ledger?.read(through: expected - 1)
            return true
        }
    }

    /// Hands messages to the subscriptions, in shares when there are several.
    func deliver(
        _ messages: [StoredMessage], _ plan: Plan, _ group: ConsumerGroup, _ now: MonotonicTime
    ) {
        var rest = messages[...]
        for (index, target) in plan.feeds.enumerated() where !rest.isEmpty {
            let feedsLeft = plan.feeds.count - index
            let share = min(target.room, (rest.count + feedsLeft - 1) / feedsLeft)
            offer(rest.prefix(share), to: target.feed, plan, group, now)
            rest = rest.dropFirst(share)
        }
        // Shares are even, rooms may not be: what is left waits for the next turn.
        if !rest.isEmpty { putBack(rest.map { GroupLedger.Waiting($0.attempt, at: $0.offset) }, plan, group) }
    }

    func putBack(_ waiting: [GroupLedger.Waiting], _ plan: Plan, _ group: ConsumerGroup) {
        group.state.withLock { state in
            if state.generation == plan.generation { state.ledger?.putBack(waiting) }
        }
    }

    /// - Parameter end: for a portion of a key from the shelf, how it ends.
    func offer(
        _ messages: ArraySlice<StoredMessage>, to feed: SubscriptionFeed, _ plan: Plan,
        _ group: ConsumerGroup, _ now: MonotonicTime, end: Shelf.Mark = .none
    ) {
        let outstanding = messages.map {
            GroupLedger.Outstanding(offset: $0.offset, feed: feed.id, attempt: $0.attempt)
        }
        let progress = group.state.withLock { state -> [Int64: Delivery.Progress]? in
            guard state.generation == plan.generation, state.ledger != nil else { return nil }
            state.ledger?.deliver(outstanding)
            state.handedOut += outstanding.count
            return state.ledger?.progress.entries
        }
        guard let progress else { return }
        let last = end == .none ? nil : messages.last?.offset
        let deliveries = messages.map { stored in
            Delivery(
                stored.message,
                origin: Delivery.Origin(
                    attempt: Int(stored.attempt),
                    redelivered: stored.attempt > 1 || stored.offset <= plan.deliveredBefore,
                    offset: stored.offset, timestamp: stored.time, key: stored.key, failure: stored.failure,
                    progress: progress.isEmpty ? nil : progress[stored.offset]),
                settler: feed, tag: SubscriptionFeed.tag(offset: stored.offset, generation: plan.generation),
                arrival: now, mark: end == .none ? .none : stored.offset == last ? end : .within)
        }
        // What an ended subscription does not take rejects itself, and so waits for the next.
        if end == .none {
            feed.subscription.offer(deliveries)
        } else {
            // A portion is taken whole, or its end would be missing.
            feed.subscription.offer(held: deliveries)
        }
    }

    /// - Returns: when to try again.
    private func fail(
        _ group: ConsumerGroup, _ error: any Error, _ now: MonotonicTime, _ progress: inout Progress
    ) -> MonotonicTime? {
        let error = SQLiteLogError(error, path: path)
        if Disposition(of: error) == .retry() {
            progress.retryAt = now.advanced(by: .milliseconds(250))
            return progress.retryAt
        }
        for feed in group.state.withLock(\.feeds) { feed.subscription.finish(throwing: error) }
        return now
    }
}
