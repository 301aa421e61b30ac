import Sluice
import SluiceSQLite

/// Jobs on the embedded log: facts of its file, and a record of each act on the topic `redrive`. What a step changes is one
/// commit: a message of the poison queue is settled, or there again, together with the job's count of it.
struct LogRedriveStore: Sendable {
    /// Where each act on jobs and on the poison queue is recorded.
    static let topic: Topic = "redrive"

    let log: SQLiteLog

    private static let jobPrefix = "redrive job "
    private static let progressPrefix = "redrive at "
    private static let lastJob = "redrive last job"

    private static func name(_ prefix: String, _ id: Int64) -> String { "\(prefix)\(id)" }

    /// The group by which one process at a time works a lane off.
    static func group(of lane: String) -> String { "redrive-\(lane)" }

    // MARK: Jobs

    /// All that are kept, oldest first.
    func records() async throws -> [RedriveRecord] {
        Self.records(
            jobs: try await log.facts(prefix: Self.jobPrefix),
            progress: try await log.facts(prefix: Self.progressPrefix))
    }

    /// The same, where most jobs are known already: a job does not change, and may be large.
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

    /// Keeps new jobs, which begin.
    /// - Parameters:
    ///   - returning: messages of a file that are put back into the poison queue for them, each with the job's place in `jobs`.
    /// - Returns: them with their ids.
    func add(
        _ jobs: [RedriveJob], returning messages: [(job: Int, message: Message)] = [], by: String
    ) async throws -> [RedriveRecord] {
        try await log.transact { transaction in
            var last = try transaction.fact(Self.lastJob).flatMap { Int64($0) } ?? 0
            var jobs = jobs
            for (index, message) in messages where jobs.indices.contains(index) {
                let key = Event.orderingKeySelector(message)
                let offset = try transaction.append(message, to: SQLiteQueue.poisonTopic, key: key)
                jobs[index].selected.insert(offset...offset)
            }
            var records: [RedriveRecord] = []
            for var job in jobs {
                last += 1
                job.id = last
                job.by = by
                job.created = .now()
                var progress = RedriveProgress(cursor: job.after)
                progress.updated = job.created
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
                try transaction.setFact(Self.name(Self.jobPrefix, id), nil)
                try transaction.setFact(Self.name(Self.progressPrefix, id), nil)
            }
            return records
        }
    }

    /// Changes a job as a person asks for.
    /// - Returns: it as it is now; nil where there is none of this id.
    func change(
        _ id: Int64, _ act: String, by: String,
        _ change: @escaping @Sendable (RedriveJob, inout RedriveProgress) throws -> Void
    ) async throws -> RedriveRecord? {
        try await log.transact { transaction in
            guard let job = try transaction.fact(Self.name(Self.jobPrefix, id)).flatMap(RedriveJob.decode),
                let text = try transaction.fact(Self.name(Self.progressPrefix, id))
            else { return nil }
            var progress = RedriveProgress.decode(text)
            try change(job, &progress)
            try keep(progress, of: job, in: transaction)
            try RedriveAct(act, by: by, job: id, progress.why).append(to: transaction)
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

    // MARK: Messages

    /// A message has ended: the job counts it, and what came from the poison queue is settled there.
    /// - Parameters:
    ///   - isThere: whether it was still in the poison queue.
    ///   - keys: by which it is known as handled from now on.
    /// - Throws: `SQLiteLogError`: `groupInUse` where another process works the lane off by now.
    func conclude(
        _ job: RedriveJob, _ offset: Int64, _ verdict: RedriveProgress.Verdict, isThere: Bool = true,
        handling keys: [RedriveInHand.Key] = []
    ) async throws -> RedriveProgress {
        try await log.transact { transaction in
            for key in keys { try transaction.remember(key.bytes, scope: key.scope, for: key.window) }
            return try step(job, offset, verdict, settles: isThere, in: transaction)
        }
    }

    /// A message has failed again: it is in the poison queue anew, the one before is settled, and the job counts it.
    func poisonAgain(_ message: Message, _ inHand: RedriveInHand) async throws -> RedriveProgress {
        let reason = message.metadata[PoisonMetadata.reason] ?? "no reason"
        return try await log.transact { transaction in
            let key = Event.orderingKeySelector(message)
            try transaction.append(message, to: SQLiteQueue.poisonTopic, key: key)
            return try step(inHand.job, inHand.entry.offset, .failed(reason), settles: true, in: transaction)
        }
    }

    private func step(
        _ job: RedriveJob, _ offset: Int64, _ verdict: RedriveProgress.Verdict, settles: Bool,
        in transaction: SQLiteTransaction
    ) throws -> RedriveProgress {
        try transaction.requireLead(of: Self.group(of: job.lane), Self.topic)
        // What a person has changed meanwhile counts.
        var progress =
            try transaction.fact(Self.name(Self.progressPrefix, job.id)).map(RedriveProgress.decode)
            ?? RedriveProgress(state: .cancelled)
        let wasRunning = progress.state == .running
        progress.note(verdict, at: offset, of: job)
        if settles, job.kind == .retry {
            try transaction.settle([offset], by: SQLiteQueue.poisonGroup, of: SQLiteQueue.poisonTopic)
        }
        try keep(progress, of: job, in: transaction)
        if wasRunning, progress.state == .stopped {
            try RedriveAct("stopped", by: "the gateway", job: job.id, progress.why).append(to: transaction)
        }
        return progress
    }

    /// The job has no messages left.
    func finish(_ job: RedriveJob) async throws -> RedriveProgress {
        try await log.transact { transaction in
            try transaction.requireLead(of: Self.group(of: job.lane), Self.topic)
            var progress =
                try transaction.fact(Self.name(Self.progressPrefix, job.id)).map(RedriveProgress.decode)
                ?? RedriveProgress(state: .cancelled)
            guard progress.state == .running else { return progress }
            progress.state = .done
            try keep(progress, of: job, in: transaction)
            let counts =
                "\(progress.delivered) delivered, \(progress.failed) failed again, \(progress.skipped) passed over"
            try RedriveAct("done", by: "the gateway", job: job.id, counts).append(to: transaction)
            return progress
        }
    }

    // MARK: The poison queue

    /// Lets messages of the poison queue go.
    /// - Parameter offsets: ascending.
    func drop(_ offsets: [Int64], _ words: String, by: String) async throws {
        try await log.transact { transaction in
            try transaction.settle(offsets, by: SQLiteQueue.poisonGroup, of: SQLiteQueue.poisonTopic)
            try RedriveAct("drop", by: by, words).append(to: transaction)
        }
    }

    /// Keeps a note about a cause; an empty one is forgotten.
    func note(_ cause: String, _ text: String, by: String) async throws {
        let note = PoisonNote(text: String(text.prefix(PoisonNote.longest)), by: by, at: .now())
        try await log.transact { transaction in
            try transaction.setFact(PoisonNote.prefix + cause, text.isEmpty ? nil : note.encoded)
            try RedriveAct("note", by: by, "\(cause): \(note.text)").append(to: transaction)
        }
    }
}

/// What was done about jobs and the poison queue, and who did it: a message on the topic `redrive`, in the commit that did it.
struct RedriveAct {
    private let act: String
    private let by: String
    private let job: Int64?
    private let words: String?

    init(_ act: String, by: String, job: Int64? = nil, _ words: String? = nil) {
        self.act = act
        self.by = by
        self.job = job
        self.words = words
    }

    func append(to transaction: SQLiteTransaction) throws {
        let payload = JSONWriter.object { json in
            json.member("act", act)
            if let job { json.member("job", job) }
            json.member("by", by)
            json.member("at", RFC3339.format(.now()))
            json.member("what", ifPresent: words?.truncated(toBytes: 2_000))
        }
        var message = Message(payload: payload)
        message.metadata["act"] = act
        message.metadata["by"] = by
        try transaction.append(message, to: LogRedriveStore.topic, key: job.map { Array("\($0)".utf8) })
    }
}
