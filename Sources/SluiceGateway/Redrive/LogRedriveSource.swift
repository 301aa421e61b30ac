import Sluice
import SluiceSQLite

/// The messages of a job that are left, out of the embedded log.
struct LogRedriveSource: RedriveSource {
    private static let batch = 256

    let job: RedriveJob
    private let log: SQLiteLog
    private let filter: EventFilter?
    /// Of a retry: offsets that are left, the last one next.
    private var offsets: [Int64] = []
    /// Of a replay: what was read ahead.
    private var ahead: ArraySlice<LoggedMessage> = []
    private var stretch: RedriveStretch
    /// Of a retry: what was settled in the poison queue when that changed last.
    private var settled = OffsetSet()
    private var mark: SQLiteLog.SettledMark?

    /// - Parameter selection: the messages of a retry.
    /// - Throws: ``EventFilterError`` for a filter that a newer version wrote.
    init(_ record: RedriveRecord, selection: PlaceSet, _ log: SQLiteLog) async throws {
        job = record.job
        self.log = log
        filter = job.only.isEmpty ? nil : try EventFilter(words: job.only)
        stretch = job.stretches[0] ?? RedriveStretch(after: 0, through: 0)
        stretch.after = max(stretch.after, record.progress.cursor[0] ?? 0)
        guard job.kind == .retry else { return }
        try await look()
        offsets = job.order(of: selection).map(\.offset).filter { [settled] in !settled.contains($0) }.reversed()
    }

    /// Reads what is settled, where that has changed: by a person, or since what this job has settled was worked in.
    private mutating func look() async throws {
        // The mark first: what changes meanwhile is read once more.
        let found = try await log.settledMark(of: SQLiteQueue.poisonGroup, of: SQLiteQueue.poisonTopic)
        guard found == nil || found != mark else { return }
        settled = try await log.settled(by: SQLiteQueue.poisonGroup, of: SQLiteQueue.poisonTopic) ?? OffsetSet()
        mark = found
    }

    mutating func next() async throws -> RedriveNext {
        switch job.kind {
        case .retry: return try await nextPoisoned()
        case .replay: return try await nextEvent()
        }
    }

    mutating func advance() {
        switch job.kind {
        case .retry: _ = offsets.popLast()
        case .replay: ahead = ahead.dropFirst()
        }
    }

    private mutating func nextPoisoned() async throws -> RedriveNext {
        guard let offset = offsets.last else { return .end }
        // A person may have let it go meanwhile.
        try await look()
        guard !settled.contains(offset),
            let logged = try await log.message(at: offset, of: SQLiteQueue.poisonTopic)
        else { return .gone(RedriveStep(place: RedrivePlace(offset: offset))) }
        return .deliver(
            RedriveEntry(
                step: RedriveStep(place: RedrivePlace(offset: offset)), timestamp: logged.timestamp,
                message: PoisonedMessage.restored(logged.message),
                poisoned: logged.message.metadata, isForced: false))
    }

    private mutating func nextEvent() async throws -> RedriveNext {
        while true {
            while let logged = ahead.first {
                guard RedriveJob.wants(logged.message, filter) else {
                    ahead = ahead.dropFirst()
                    continue
                }
                let message = job.sent(logged.message)
                return .deliver(
                    RedriveEntry(
                        step: RedriveStep(place: RedrivePlace(offset: logged.offset)), timestamp: logged.timestamp,
                        message: message, poisoned: Metadata(), isForced: !job.skipsDelivered))
            }
            guard stretch.after < stretch.through else { return .end }
            let read = try await log.messages(
                in: SQLiteQueue.eventsTopic, stretch.after + 1...stretch.through, limit: Self.batch)
            guard let last = read.last else { return .end }
            stretch.after = last.offset
            ahead = read[...]
        }
    }
}

extension RedriveJob {
    /// Whether a replay with this filter is about the event.
    static func wants(_ message: Message, _ filter: EventFilter?) -> Bool {
        guard let event = try? Event(message) else { return false }
        return filter?.matches(event) ?? true
    }

    /// An event as it goes once more.
    func sent(_ message: Message) -> Message {
        var message = message
        // What another queue's routes had handled goes once more too.
        if !skipsDelivered { message.metadata[HandledOnLog.key] = nil }
        return message
    }
}
