import Sluice
import SluiceSQLite
import Synchronization

/// Jobs on the embedded log: facts of its file, and a record of each act on the topic `redrive`. What a step changes is one
/// commit: a message of the poison queue is settled, or there again, together with the job's count of it.
///
/// What a step costs does not grow with its job. Which messages a job has is kept apart from the job and read once; and what is
/// settled is kept message by message, and worked into the row of the poison queue's group now and then.
struct LogRedriveStore: RedriveStore {
    static let topic: Topic = "redrive"

    let log: SQLiteLog
    private let upkeep = Upkeep()

    private final class Upkeep: Sendable {
        /// When what was settled is worked in next.
        let due = Mutex(MonotonicTime(nanoseconds: 0))
    }

    init(log: SQLiteLog) {
        self.log = log
    }

    let topic: Topic = LogRedriveStore.topic
    let events = SQLiteQueue.eventsTopic
    let isPartitioned = false

    private static let jobPrefix = "redrive job "
    private static let progressPrefix = "redrive at "
    private static let selectionPrefix = "redrive selection "
    private static let lastJob = "redrive last job"

    private static func name(_ prefix: String, _ id: Int64) -> String { "\(prefix)\(id)" }

    /// The group by which one process at a time works a lane off.
    static func group(of lane: String) -> String { "redrive-\(lane)" }

    // MARK: Jobs

    func records() async throws -> [RedriveRecord] {
        Self.records(
            jobs: try await log.facts(prefix: Self.jobPrefix),
            progress: try await log.facts(prefix: Self.progressPrefix))
    }

    func records(knowing known: [RedriveJob]) async throws -> [RedriveRecord] {
        let progress = try await log.facts(prefix: Self.progressPrefix)
        var records: [RedriveRecord] = []
        for (name, text) in progress {
            guard let id = Int64(name.dropFirst(Self.progressPrefix.count)) else { continue }
            var job = known.first { $0.id == id }
            if job == nil { job = try await log.fact(Self.name(Self.jobPrefix, id)).flatMap(RedriveJob.decode) }
            if let job { records.append(RedriveRecord(job: job, progress: RedriveProgress.decode(text))) }
        }
        return records.sorted { $0.job.id < $1.job.id }
    }

    /// The same, by a log's file.
    static func records(inFile view: SQLiteLogView) throws -> [RedriveRecord] {
        records(
            jobs: try view.facts(prefix: jobPrefix), progress: try view.facts(prefix: progressPrefix))
    }

    private static func records(jobs: [String: String], progress: [String: String]) -> [RedriveRecord] {
        jobs.values.compactMap(RedriveJob.decode).sorted { $0.id < $1.id }.map { job in
            RedriveRecord(
                job: job,
                progress: progress[name(progressPrefix, job.id)].map(RedriveProgress.decode)
                    ?? RedriveProgress(state: .paused, why: "nothing is kept of how far it is"))
        }
    }

    func add(
        _ jobs: [RedriveJob], returning messages: [(job: Int, message: Message)], by: String
    ) async throws -> [RedriveRecord] {
        try await log.transact { transaction in
            var last = try transaction.fact(Self.lastJob).flatMap { Int64($0) } ?? 0
            var jobs = jobs
            for (index, message) in messages where jobs.indices.contains(index) {
                let key = Event.orderingKeySelector(message)
                let offset = try transaction.append(message, to: SQLiteQueue.poisonTopic, key: key)
                jobs[index].selected.insert([RedrivePlace(offset: offset)])
            }
            var records: [RedriveRecord] = []
            for var job in jobs {
                last += 1
                job.id = last
                job.by = by
                job.created = .now()
                var progress = RedriveProgress()
                progress.updated = job.created
                if job.kind == .retry {
                    try transaction.setFact(
                        Self.name(Self.selectionPrefix, job.id), String(decoding: job.selected.encoded, as: UTF8.self))
                }
                job.selected = PlaceSet()
                try transaction.setFact(Self.name(Self.jobPrefix, job.id), job.encoded)
                try transaction.setFact(Self.name(Self.progressPrefix, job.id), progress.encoded)
                try RedriveAct(job.kind.rawValue, by: by, job: job.id, job.words).append(to: transaction)
                records.append(RedriveRecord(job: job, progress: progress))
            }
            try transaction.setFact(Self.lastJob, "\(last)")
            // The oldest ones that have ended go.
            for id in stride(from: last - Int64(RedriveLimits.endedJobs), to: 0, by: -1) {
                guard let text = try transaction.fact(Self.name(Self.progressPrefix, id)) else { break }
                guard RedriveProgress.decode(text).state.isFinal else { continue }
                for prefix in [Self.jobPrefix, Self.progressPrefix, Self.selectionPrefix] {
                    try transaction.setFact(Self.name(prefix, id), nil)
                }
            }
            return records
        }
    }

    func change(_ id: Int64, _ act: RedriveProgress.Act, by: String) async throws -> RedriveRecord? {
        try await log.transact { transaction in
            guard let job = try transaction.fact(Self.name(Self.jobPrefix, id)).flatMap(RedriveJob.decode),
                let text = try transaction.fact(Self.name(Self.progressPrefix, id))
            else { return nil }
            var progress = RedriveProgress.decode(text)
            guard progress.obey(act, by: by, of: job) else {
                throw ControlFailure(.invalid, "job \(job.id) is \(progress.state.rawValue) already")
            }
            try keep(progress, of: job, in: transaction)
            try rest(job, progress, in: transaction)
            try RedriveAct(act.rawValue, by: by, job: id, progress.why).append(to: transaction)
            return RedriveRecord(job: job, progress: progress)
        }
    }

    private func keep(
        _ progress: RedriveProgress, of job: RedriveJob, in transaction: SQLiteTransaction
    ) throws {
        var progress = progress
        progress.updated = .now()
        try transaction.setFact(Self.name(Self.progressPrefix, job.id), progress.encoded)
    }

    /// A job that sends nothing now leaves nothing to be worked in, and one that has ended needs its messages no more.
    private func rest(_ job: RedriveJob, _ progress: RedriveProgress, in transaction: SQLiteTransaction) throws {
        guard progress.state != .running else { return }
        if job.kind == .retry { try Self.gather(transaction) }
        guard progress.state.isFinal else { return }
        try transaction.setFact(Self.name(Self.selectionPrefix, job.id), nil)
    }

    private static func gather(_ transaction: SQLiteTransaction) throws {
        do {
            try transaction.gather(by: SQLiteQueue.poisonGroup, of: SQLiteQueue.poisonTopic)
        } catch let error as SQLiteLogError where error.code == .groupInUse {
            // A person's reader has the group; what was settled is known all the same.
        }
    }

    /// Works into the poison queue's group what jobs have settled: seldom enough that it takes a small part of the time.
    func keepUp() async {
        guard upkeep.due.withLock({ $0 <= .now() }),
            (try? await log.hasSettledSingly(by: SQLiteQueue.poisonGroup, of: SQLiteQueue.poisonTopic)) == true
        else { return }
        let took = try? await log.transact { transaction in
            let start = MonotonicTime.now()
            try Self.gather(transaction)
            return start.duration(to: .now())
        }
        upkeep.due.withLock { $0 = MonotonicTime.now().advanced(by: max(.milliseconds(500), (took ?? .zero) * 20)) }
    }

    /// Which messages a retry has; empty for a job that has ended.
    func selection(of job: RedriveJob) async throws -> PlaceSet {
        // The job itself has them where an earlier version began it.
        guard job.selected.isEmpty else { return job.selected }
        return try await log.fact(Self.name(Self.selectionPrefix, job.id)).flatMap { PlaceSet.decode(Array($0.utf8)) }
            ?? PlaceSet()
    }

    // MARK: Messages

    /// - Throws: `SQLiteLogError`: `groupInUse` where another process works the lane off by now.
    func conclude(
        _ job: RedriveJob, _ step: RedriveStep, _ verdict: RedriveProgress.Verdict, isThere: Bool,
        handling keys: [RedriveInHand.Key]
    ) async throws -> RedriveProgress {
        try await log.transact { transaction in
            for key in keys { try transaction.remember(key.bytes, scope: key.scope, for: key.window) }
            return try self.step(job, step.place, verdict, settles: isThere, in: transaction)
        }
    }

    func poisonAgain(_ message: Message, _ inHand: RedriveInHand) async throws -> RedriveProgress {
        let reason = message.metadata[PoisonMetadata.reason] ?? "no reason"
        return try await log.transact { transaction in
            let key = Event.orderingKeySelector(message)
            try transaction.append(message, to: SQLiteQueue.poisonTopic, key: key)
            return try step(inHand.job, inHand.entry.step.place, .failed(reason), settles: true, in: transaction)
        }
    }

    private func step(
        _ job: RedriveJob, _ place: RedrivePlace, _ verdict: RedriveProgress.Verdict, settles: Bool,
        in transaction: SQLiteTransaction
    ) throws -> RedriveProgress {
        try transaction.requireLead(of: Self.group(of: job.lane), Self.topic)
        // What a person has changed meanwhile counts.
        var progress =
            try transaction.fact(Self.name(Self.progressPrefix, job.id)).map(RedriveProgress.decode)
            ?? RedriveProgress(state: .cancelled)
        let wasRunning = progress.state == .running
        progress.note(verdict, at: place, of: job)
        if settles, job.kind == .retry {
            try transaction.settleSingly(place.offset, by: SQLiteQueue.poisonGroup, of: SQLiteQueue.poisonTopic)
        }
        try keep(progress, of: job, in: transaction)
        try rest(job, progress, in: transaction)
        if wasRunning, progress.state == .stopped {
            try RedriveAct("stopped", by: RedriveAct.gateway, job: job.id, progress.why).append(to: transaction)
        }
        return progress
    }

    func finish(_ job: RedriveJob) async throws -> RedriveProgress {
        try await log.transact { transaction in
            try transaction.requireLead(of: Self.group(of: job.lane), Self.topic)
            var progress =
                try transaction.fact(Self.name(Self.progressPrefix, job.id)).map(RedriveProgress.decode)
                ?? RedriveProgress(state: .cancelled)
            guard progress.state == .running else { return progress }
            progress.state = .done
            try keep(progress, of: job, in: transaction)
            try rest(job, progress, in: transaction)
            try RedriveAct("done", by: RedriveAct.gateway, job: job.id, progress.counts).append(to: transaction)
            return progress
        }
    }

    // MARK: The poison queue

    func poisoned() async throws -> [PoisonedMessage] { try await PoisonedMessage.read(log) }

    func drop(_ messages: [PoisonedMessage], _ words: String, by: String) async throws {
        let offsets = messages.map(\.offset).sorted()
        try await log.transact { transaction in
            try transaction.settle(offsets, by: SQLiteQueue.poisonGroup, of: SQLiteQueue.poisonTopic)
            try RedriveAct("drop", by: by, words).append(to: transaction)
        }
    }

    func notes() async throws -> [String: PoisonNote] {
        Self.notes(try await log.facts(prefix: PoisonNote.prefix))
    }

    /// - Parameter facts: with their prefix.
    static func notes(_ facts: [String: String]) -> [String: PoisonNote] {
        facts.reduce(into: [:]) { notes, fact in
            notes[String(fact.key.dropFirst(PoisonNote.prefix.count))] = PoisonNote.decode(fact.value)
        }
    }

    func note(_ cause: String, _ text: String, by: String) async throws {
        let note = PoisonNote(text: String(text.prefix(PoisonNote.longest)), by: by, at: .now())
        try await log.transact { transaction in
            try transaction.setFact(PoisonNote.prefix + cause, text.isEmpty ? nil : note.encoded)
            try RedriveAct("note", by: by, "\(cause): \(note.text)").append(to: transaction)
        }
    }

    // MARK: Events

    func lease(of lane: String) throws -> any RedriveLease {
        try log.subscriber(group: Self.group(of: lane), configuration: .init(start: .end))
    }

    func source(_ record: RedriveRecord) async throws -> any RedriveSource {
        try await LogRedriveSource(record, selection: try await selection(of: record.job), log)
    }

    func stretch(from: Timestamp?, until: Timestamp?) async throws -> [Int32: RedriveStretch] {
        let last = try await log.lastOffset(in: events)
        var stretch = RedriveStretch(after: 0, through: last)
        if let from { stretch.after = try await log.offset(at: from, of: events).addingSaturated(-1) }
        if let until {
            stretch.through = min(last, try await log.offset(at: until, of: events).addingSaturated(-1))
        }
        return [0: stretch]
    }

    func readEvents(of job: RedriveJob, to body: (Int32, [LoggedMessage]) async throws -> Void) async throws {
        guard var stretch = job.stretches[0] else { return }
        while stretch.after < stretch.through {
            let read = try await log.messages(
                in: events, stretch.after + 1...stretch.through, limit: Self.batch)
            guard let end = read.last else { return }
            stretch.after = end.offset
            try await body(0, read)
            try Task.checkCancellation()
        }
    }

    private static let batch = 512

    func delivered(
        among events: [LoggedMessage], in partition: Int32, by route: String
    ) async throws -> [Bool] {
        try await log.delivered(among: events, by: route)
    }
}

extension SQLiteLog {
    /// Which of these events a route of this process has handled.
    func delivered(among events: [LoggedMessage], by route: String) async throws -> [Bool] {
        try await handled(among: events.map { KeySelector.id($0.message) ?? [] }, scope: route)
    }
}
