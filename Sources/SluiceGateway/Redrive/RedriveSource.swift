import Sluice
import SluiceSQLite

/// The messages of a job that are left, one after the other. Belongs to the lane that works the job off.
struct RedriveSource {
    /// What comes next.
    enum Next: Sendable {
        case deliver(RedriveEntry)
        /// It is gone, or was settled otherwise: nothing to deliver.
        case gone(Int64)
        case end
    }

    private static let batch = 256

    let job: RedriveJob
    private let log: SQLiteLog
    private let filter: EventFilter?
    /// Of a retry: offsets that are left, the last one next.
    private var offsets: [Int64] = []
    /// Of a replay: what was read ahead.
    private var ahead: ArraySlice<LoggedMessage> = []
    private var readThrough: Int64

    /// - Throws: ``EventFilterError`` for a filter that a newer version wrote.
    init(_ record: RedriveRecord, _ log: SQLiteLog) async throws {
        job = record.job
        self.log = log
        filter = job.only.isEmpty ? nil : try EventFilter(words: job.only)
        readThrough = max(job.after, record.progress.cursor)
        guard job.kind == .retry else { return }
        let settled = try await Self.settled(log)
        let canaries = Set(job.canaries)
        let rest = job.selected.offsets(upTo: RedriveLimits.messages)
            .filter { !canaries.contains($0) && !settled.contains($0) }
        offsets = (job.canaries.filter { !settled.contains($0) } + rest).reversed()
    }

    private static func settled(_ log: SQLiteLog) async throws -> OffsetSet {
        try await log.settled(by: SQLiteQueue.poisonGroup, of: SQLiteQueue.poisonTopic) ?? OffsetSet()
    }

    /// What comes next. It is given again until ``advance()`` was called.
    mutating func next() async throws -> Next {
        switch job.kind {
        case .retry: return try await nextPoisoned()
        case .replay: return try await nextEvent()
        }
    }

    /// What came last has ended.
    mutating func advance() {
        switch job.kind {
        case .retry: _ = offsets.popLast()
        case .replay: ahead = ahead.dropFirst()
        }
    }

    private func nextPoisoned() async throws -> Next {
        guard let offset = offsets.last else { return .end }
        // A person may have let it go meanwhile.
        guard !(try await Self.settled(log).contains(offset)),
            let logged = try await log.message(at: offset, of: SQLiteQueue.poisonTopic)
        else { return .gone(offset) }
        return .deliver(
            RedriveEntry(
                offset: offset, timestamp: logged.timestamp, message: PoisonedMessage.restored(logged.message),
                poisoned: logged.message.metadata, isForced: false))
    }

    private mutating func nextEvent() async throws -> Next {
        while true {
            while let logged = ahead.first {
                guard wants(logged.message) else {
                    ahead = ahead.dropFirst()
                    continue
                }
                var message = logged.message
                // What another queue's routes had handled goes once more too.
                if !job.skipsDelivered { message.metadata[HandledOnLog.key] = nil }
                return .deliver(
                    RedriveEntry(
                        offset: logged.offset, timestamp: logged.timestamp, message: message, poisoned: Metadata(),
                        isForced: !job.skipsDelivered))
            }
            guard readThrough < job.through else { return .end }
            let read = try await log.messages(
                in: SQLiteQueue.eventsTopic, readThrough + 1...job.through, limit: Self.batch)
            guard let last = read.last else { return .end }
            readThrough = last.offset
            ahead = read[...]
        }
    }

    private func wants(_ message: Message) -> Bool {
        guard let event = try? Event(message) else { return false }
        return filter?.matches(event) ?? true
    }
}

extension OffsetSet {
    /// The offsets beyond 0, ascending: at most so many.
    func offsets(upTo limit: Int) -> [Int64] {
        var found: [Int64] = []
        for range in (through > 0 ? [1...through] : []) + ranges {
            for offset in range {
                guard found.count < limit else { return found }
                found.append(offset)
            }
        }
        return found
    }
}
