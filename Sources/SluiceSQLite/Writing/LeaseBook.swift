import GRDB
import Sluice
import Synchronization

/// Takes, renews, and gives away the leases on groups. Belongs to the writer's thread.
final class LeaseBook {
    private static let retryInterval = Duration.milliseconds(200)

    private let owner: LeaseOwner
    private let duration: Duration
    private let look: SQLStatement
    private let take: SQLStatement
    private let renew: SQLStatement
    private let release: SQLStatement
    private let load: SQLStatement
    private let shelves: ShelfTable
    private let progress: ProgressTable
    private let database: Database
    private let path: String
    private var dueAt = MonotonicTime(nanoseconds: 0)
    /// Leases of others and since when they have not changed: one that is not renewed for long is void even when the
    /// clock was set back.
    private var seen: [Int64: (owner: [UInt8], end: Int64, since: MonotonicTime)] = [:]

    init(
        _ database: Database, configuration: SQLiteLog.Configuration, owner: LeaseOwner, shelves: ShelfTable,
        progress: ProgressTable
    ) throws(SQLiteLogError) {
        self.owner = owner
        self.shelves = shelves
        self.progress = progress
        duration = configuration.leaseDuration
        let path = configuration.path
        self.database = database
        self.path = path
        look = try SQLStatement(database, path: path, "SELECT owner, lease_end FROM groups WHERE id = ?")
        take = try SQLStatement(
            database, path: path, "UPDATE groups SET owner = ?, lease_end = ?, last_read = ? WHERE id = ?")
        renew = try SQLStatement(
            database, path: path, "UPDATE groups SET lease_end = ?, last_read = ? WHERE id = ? AND owner = ?")
        release = try SQLStatement(
            database, path: path,
            "UPDATE groups SET owner = NULL, lease_end = 0, last_read = ? WHERE id = ? AND owner = ?")
        load = try SQLStatement(
            database, path: path, "SELECT settled_through, ahead, delivered_through, topic FROM groups WHERE id = ?")
    }

    // MARK: When

    func isDue(_ now: MonotonicTime) -> Bool { dueAt <= now }

    /// When to look again; nil while there is no group.
    func due(_ registry: GroupRegistry) -> MonotonicTime? {
        registry.all.isEmpty ? nil : dueAt
    }

    /// Looks again after the running commit.
    func hasten() {
        dueAt = MonotonicTime(nanoseconds: 0)
    }

    // MARK: What

    private enum Step {
        case none, renew, release, acquire, forget
    }

    private func step(_ group: ConsumerGroup, _ now: MonotonicTime) -> (Step, row: Int64, isSettled: Bool) {
        group.state.withLock { state in
            let isWanted = !state.feeds.isEmpty || state.holds > 0
            guard let row = state.row else { return (isWanted ? .none : .forget, 0, true) }
            guard state.ledger != nil else { return (isWanted ? .acquire : .forget, row, false) }
            if !isWanted, let deserted = state.deserted {
                // Handlers may still settle what they hold, for as long as a lease lasts.
                let isOver = state.handedOut <= 0 || deserted.advanced(by: duration) <= now
                return (isOver ? .release : .none, row, false)
            }
            let isOld = state.leaseEnd <= now.advanced(by: duration * 2 / 3)
            return (isOld ? .renew : .none, row, true)
        }
    }

    func keep(_ registry: GroupRegistry, _ now: MonotonicTime, in loop: WriterLoop) {
        var steps: [(step: Step, group: ConsumerGroup, row: Int64)] = []
        var isCalm = true
        for group in registry.all {
            let (step, row, isSettled) = step(group, now)
            if !isSettled { isCalm = false }
            switch step {
            case .none: break
            case .forget: registry.remove(group)
            case .acquire where !isFree(row, now): break
            case .acquire, .renew, .release: steps.append((step, group, row))
            }
        }
        dueAt = now.advanced(by: isCalm ? duration / 6 : min(Self.retryInterval, duration / 6))
        if !steps.isEmpty { carryOut(steps, registry, now, in: loop) }
    }

    private func carryOut(
        _ steps: [(step: Step, group: ConsumerGroup, row: Int64)], _ registry: GroupRegistry, _ now: MonotonicTime,
        in loop: WriterLoop
    ) {
        let leaseEnd = now.advanced(by: duration)
        let wallEnd = Timestamp.now().millisecondsSince1970 + Int64(duration.wholeNanoseconds / 1_000_000)
        var after: [() -> Void] = []
        do {
            try loop.transact {
                for (step, group, row) in steps {
                    switch step {
                    case .acquire:
                        if let ledger = try acquire(row, group, until: wallEnd, now, in: loop) {
                            after.append { group.lead(ledger, until: leaseEnd) }
                        }
                    case .renew:
                        let isOurs = try renew(row, until: wallEnd)
                        after.append {
                            if isOurs { group.extend(until: leaseEnd) } else { group.resign() }
                        }
                    case .release:
                        try loop.settleFinally(group)
                        try release(row)
                        after.append {
                            group.resign()
                            registry.remove(group)
                        }
                    case .none, .forget: break
                    }
                }
            }
            for action in after { action() }
        } catch {
            // Tried again soon. Until then the leases that are held run on, and nothing is delivered after their end.
            dueAt = now.advanced(by: min(Self.retryInterval, duration / 6))
            for (_, group, _) in steps { group.state.withLock { $0.ledger?.markDirty() } }
        }
    }

    /// Gives everything away at the end.
    func giveUp(_ registry: GroupRegistry, in loop: WriterLoop) {
        let groups = registry.all.compactMap { group in
            group.state.withLock { state in state.ledger == nil ? nil : state.row.map { (group, $0) } }
        }
        // What cannot be written now is redelivered to the next owner.
        try? loop.transact {
            for (group, row) in groups {
                try loop.settleFinally(group)
                try release(row)
            }
        }
        for (group, _) in groups { group.resign() }
    }

    // MARK: The rows

    /// Each renewal of the lease also says that the group is read.
    private var present: Int64 { Timestamp.now().millisecondsSince1970 }

    /// Whether no living process holds the lease.
    func isFree(_ row: Int64, _ now: MonotonicTime) -> Bool {
        look.bind(row, at: 1)
        defer { look.reset() }
        guard let found = try? look.step(), found else { return false }
        if look.isNull(0) { return true }
        let holder = look.bytes(0)
        let end = look.integer(1)
        if holder == owner.id || end <= Timestamp.now().millisecondsSince1970 || owner.isGone(holder) { return true }
        if let known = seen[row], known.owner == holder, known.end == end {
            return known.since.advanced(by: duration * 2) <= now
        }
        seen[row] = (holder, end, now)
        return false
    }

    private func acquire(
        _ row: Int64, _ group: ConsumerGroup, until end: Int64, _ now: MonotonicTime, in loop: WriterLoop
    ) throws(SQLiteLogError) -> GroupLedger? {
        // Looked at again inside the transaction, where no other process can take it.
        guard isFree(row, now) else { return nil }
        seen[row] = nil
        let wasLeft = try isTaken(row)
        take.bind(owner.id, at: 1)
        take.bind(end, at: 2)
        take.bind(present, at: 3)
        take.bind(row, at: 4)
        try take.run()
        // Its ledger begins with all that the group has settled.
        try loop.settle(ofRow: row, group.name, group.topic)
        load.bind(row, at: 1)
        defer { load.reset() }
        guard try load.step() else { return nil }
        let settled = load.withBytes(1) { OffsetSet(through: load.integer(0), ahead: $0) }
        // An owner that did not give the lease back has not written what it delivered last either: it may be everything.
        let deliveredBefore = wasLeft ? try lastOffset(ofTopic: load.integer(3)) : load.integer(2)
        return GroupLedger(
            settled: settled, deliveredBefore: max(deliveredBefore, load.integer(2)),
            shelf: ShelfLedger(keys: try shelves.keys(of: row)),
            progress: ProgressLedger(try progress.read(row, settledThrough: settled.through)))
    }

    /// Whether the lease names an owner, void or not.
    private func isTaken(_ row: Int64) throws(SQLiteLogError) -> Bool {
        look.bind(row, at: 1)
        defer { look.reset() }
        return try look.step() && !look.isNull(0)
    }

    private func lastOffset(ofTopic topic: Int64) throws(SQLiteLogError) -> Int64 {
        let statement = try SQLStatement(database, path: path, TopicTable.lastOffset(topic: topic))
        defer { statement.reset() }
        return try statement.step() ? statement.integer(0) : 0
    }

    private func renew(_ row: Int64, until end: Int64) throws(SQLiteLogError) -> Bool {
        renew.bind(end, at: 1)
        renew.bind(present, at: 2)
        renew.bind(row, at: 3)
        renew.bind(owner.id, at: 4)
        try renew.run()
        return renew.changes > 0
    }

    private func release(_ row: Int64) throws(SQLiteLogError) {
        release.bind(present, at: 1)
        release.bind(row, at: 2)
        release.bind(owner.id, at: 3)
        try release.run()
    }
}
