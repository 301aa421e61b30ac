import Sluice

/// What the records on the topic of jobs come to. Every gateway that has read as far knows the same.
///
/// A job's messages are worked off in an order that follows from the job. So how many have ended says which, and a record that
/// comes twice, or late, changes nothing. Who works a job off begins an epoch: what a former worker writes afterwards is
/// passed over.
struct KafkaRedriveState: Sendable {
    struct Kept: Sendable {
        let job: RedriveJob
        let token: String
        fileprivate(set) var progress = RedriveProgress()
        fileprivate(set) var epochs: [KafkaRedriveMark.Epoch] = []
        /// Of the last record that counts, in its epoch.
        fileprivate(set) var number: Int64 = 0
        /// Of a retry under way: its messages in their order. Nil until it is asked for.
        fileprivate var order: [RedrivePlace]?
        /// How many messages a retry has, and how many of these are settled.
        fileprivate let count: Int64
        fileprivate var settledCount: Int64 = 0
        /// All keys of its records.
        fileprivate(set) var keys: Set<String>

        var record: RedriveRecord { RedriveRecord(job: job, progress: progress) }
        var owner: String? { epochs.last?.owner }

        /// Whether a worker may have been interrupted between what it put back and its count: another one went on, or none did.
        var mayHaveOrphans: Bool { epochs.count > 1 || (!epochs.isEmpty && progress.state == .cancelled) }

        /// Who worked off the message of this number.
        func owner(of index: Int64) -> String? { epochs.last { $0.start <= index }?.owner }
    }

    private struct Parts {
        var places: [Int64: PlaceSet] = [:]
        /// When the last one came.
        var time: Timestamp
    }

    private(set) var jobs: [Int64: Kept] = [:]
    /// What jobs have brought to an end in the poison queue, and what was let go.
    private(set) var settled = PlaceSet()
    private(set) var drops: [String: PlaceSet] = [:]
    /// By a job's token, what its parts have where the job has not come yet.
    private var parts: [String: Parts] = [:]
    private(set) var notes: [String: PoisonNote] = [:]
    private(set) var delivered = DeliveredBlocks()

    /// Oldest first.
    var records: [RedriveRecord] { jobs.values.map(\.record).sorted { $0.job.id < $1.job.id } }

    /// - Parameters:
    ///   - payload: nil or empty takes away what the key stands for.
    ///   - time: when it was written.
    mutating func take(key: String, payload: [UInt8], at time: Timestamp = .now()) {
        guard !payload.isEmpty else { return forget(key) }
        if let record = KafkaRedriveRecord(key: key, payload: payload) { take(record, at: time) }
    }

    mutating func take(_ record: KafkaRedriveRecord, at time: Timestamp = .now()) {
        switch record {
        case .job(let job, let token):
            // Of two that want the number the first has it.
            guard jobs[job.id] == nil else { return }
            take(job, token, key: record.key)
        case .part(let places, let token, let index):
            parts[token, default: Parts(time: time)].places[index] = places
            parts[token]?.time = time
        case .mark(let id, let mark):
            guard var kept = jobs.removeValue(forKey: id) else { return }
            if kept.take(mark) { settle(&kept) }
            kept.keys.insert(record.key)
            jobs[id] = kept
        case .will(let id, let act, let by):
            guard var kept = jobs.removeValue(forKey: id) else { return }
            _ = kept.progress.obey(act, by: by, of: kept.job)
            kept.keys.insert(record.key)
            jobs[id] = kept
        case .drop(let places, let token):
            drops[token] = places
            settled.form(unionWith: places)
        case .note(let cause, let note):
            notes[cause] = note.text.isEmpty ? nil : note
        case .delivered(let id, let block, let writer): delivered.take(block, id, from: writer)
        case .act, .nothing: break
        }
    }

    private mutating func take(_ wanted: RedriveJob, _ token: String, key: String) {
        var (job, keys) = (wanted, Set([key]))
        if job.parts > 0 {
            let found = parts.removeValue(forKey: token)?.places ?? [:]
            keys.formUnion(found.keys.map { KafkaRedriveRecord.key(ofPart: $0, token) })
            // Where one is missing the job's order is not known: it counts as one without messages.
            if Int64(found.count) == job.parts { for part in found.values { job.selected.form(unionWith: part) } }
        }
        jobs[job.id] = Kept(job: job, token: token, count: job.selected.count, keys: keys)
    }

    private mutating func settle(_ kept: inout Kept) {
        guard kept.job.kind == .retry else { return }
        let end = min(kept.progress.handled, kept.count)
        if end > kept.settledCount {
            if end == kept.count {
                settled.form(unionWith: kept.job.selected)
            } else {
                let order = kept.order ?? kept.job.order
                kept.order = order
                settled.insert(order.dropFirst(Int(kept.settledCount)).prefix(Int(end - kept.settledCount)))
            }
            kept.settledCount = end
        }
        if kept.settledCount == kept.count || kept.progress.state == .done { kept.order = nil }
    }

    private mutating func forget(_ key: String) {
        let words = key.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        if let (id, writer) = DeliveredBlocks.ID.read(words) {
            delivered.forget(id, from: writer)
        } else if words.count == 3, words[0] == "job", let id = Int64(words[1]), jobs[id]?.token == words[2] {
            jobs[id] = nil
        } else if words.count == 2, words[0] == "drop" {
            drops[words[1]] = nil
        } else if words.count == 3, words[0] == "part", let index = Int64(words[2]) {
            parts[words[1]]?.places[index] = nil
            if parts[words[1]]?.places.isEmpty == true { parts[words[1]] = nil }
        }
    }

    // MARK: The poison queue

    /// Whether a message counts that lies there. One that a job or a command has put there counts once the job says so: what
    /// was interrupted between the two has not happened.
    func counts(_ metadata: Metadata, at place: RedrivePlace) -> Bool {
        if let token = metadata[RedriveMetadata.returned]?.split(separator: ".").first {
            return jobs.values.contains { $0.token == String(token) && $0.job.selected.contains(place) }
        }
        guard let step = metadata[RedriveMetadata.step].flatMap(KafkaRedriveStep.init),
            let kept = jobs[step.job], kept.token == step.token
        else { return true }
        return step.index < kept.progress.handled && kept.owner(of: step.index) == step.owner
    }

    // MARK: What may go

    /// For so long a job may come after its parts.
    private static let patience: Duration = .seconds(86_400)

    /// Jobs beyond the last ones that have ended, where the poison queue's own group has settled all of them.
    func jobsToForget(committed: PlaceSet) -> [Kept] {
        let ended = jobs.values.filter(\.progress.state.isFinal).sorted { $0.job.id < $1.job.id }
        return ended.dropLast(RedriveLimits.endedJobs).filter { $0.job.selected.isSubset(of: committed) }
    }

    /// Keys of what has no meaning any more: such jobs, parts whose job has never come, and messages that were let go, where the
    /// poison queue's own group has settled all of it.
    func keysToForget(committed: PlaceSet, now: Timestamp = .now()) -> [String] {
        let drops = drops.filter { $0.value.isSubset(of: committed) }
        let parts = parts.filter { $0.value.time < now.advanced(by: .zero - Self.patience) }
        // What goes last says what went with it, should this be interrupted.
        return jobsToForget(committed: committed).flatMap { kept in
            kept.keys.sorted { ($0.hasPrefix("job ") ? 1 : 0, $0) < ($1.hasPrefix("job ") ? 1 : 0, $1) }
        } + drops.keys.sorted().map { "drop \($0)" }
            + parts.sorted { $0.key < $1.key }.flatMap { token, parts in
                parts.places.keys.sorted().map { KafkaRedriveRecord.key(ofPart: $0, token) }
            }
    }
}

extension KafkaRedriveState.Kept {
    /// As it is once a record of its worker's has come, too.
    func advanced(to mark: KafkaRedriveMark?) -> Self {
        guard let mark, mark.number > number else { return self }
        var advanced = self
        _ = advanced.take(mark)
        return advanced
    }

    /// - Returns: whether it is news.
    fileprivate mutating func take(_ mark: KafkaRedriveMark) -> Bool {
        if mark.isBegin, mark.epochs.count == epochs.count + 1, let owner = mark.epochs.last?.owner {
            // Where it begins is where the job is here in the topic, whatever its worker knew.
            epochs.append(KafkaRedriveMark.Epoch(owner: owner, start: progress.handled))
            number = 0
            return true
        }
        if mark.epochs.count == epochs.count {
            guard !mark.isBegin, mark.epochs.last?.owner == owner else { return false }
            // Its worker waits for the record, whether it says anything new or not.
            number = max(number, mark.number)
            guard mark.progress.handled >= progress.handled else { return false }
        } else {
            guard mark.epochs.count > epochs.count else { return false }
            epochs = mark.epochs
            number = mark.number
            guard mark.progress.handled >= progress.handled else { return true }
        }
        let (state, why) = (progress.state, progress.why)
        progress = mark.progress
        let isWorkersWord = progress.state == .done || progress.state == .stopped
        // Whether it runs is a person's word.
        if state.isFinal || !isWorkersWord { (progress.state, progress.why) = (state, why) }
        return true
    }
}

/// Which step of a job has put a message into the poison queue again.
struct KafkaRedriveStep: Sendable, Equatable {
    var token: String
    var job: Int64
    var index: Int64
    var owner: String

    var text: String { "\(token).\(job).\(index).\(owner)" }

    init(token: String, job: Int64, index: Int64, owner: String) {
        (self.token, self.job, self.index, self.owner) = (token, job, index, owner)
    }

    init?(_ text: String) {
        let words = text.split(separator: ".").map(String.init)
        guard words.count == 4, let job = Int64(words[1]), let index = Int64(words[2]) else { return nil }
        self.init(token: words[0], job: job, index: index, owner: words[3])
    }
}
