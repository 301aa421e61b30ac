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
        /// Of a retry that has not ended: its messages in their order.
        fileprivate var order: [RedrivePlace]
        /// How many of these are settled.
        fileprivate var settledCount = 0
        /// All keys of its records.
        fileprivate(set) var keys: Set<String>

        var record: RedriveRecord { RedriveRecord(job: job, progress: progress) }
        var owner: String? { epochs.last?.owner }

        /// Who worked off the message of this number.
        func owner(of index: Int64) -> String? { epochs.last { $0.start <= index }?.owner }
    }

    private(set) var jobs: [Int64: Kept] = [:]
    /// What jobs have brought to an end in the poison queue, and what was let go.
    private(set) var settled = PlaceSet()
    private(set) var drops: [String: PlaceSet] = [:]
    private(set) var notes: [String: PoisonNote] = [:]

    /// Oldest first.
    var records: [RedriveRecord] { jobs.values.map(\.record).sorted { $0.job.id < $1.job.id } }

    /// - Parameter payload: nil or empty takes away what the key stands for.
    mutating func take(key: String, payload: [UInt8]) {
        guard !payload.isEmpty else { return forget(key) }
        if let record = KafkaRedriveRecord(key: key, payload: payload) { take(record) }
    }

    mutating func take(_ record: KafkaRedriveRecord) {
        switch record {
        case .job(let job, let token):
            // Of two that want the number the first has it.
            guard jobs[job.id] == nil else { return }
            jobs[job.id] = Kept(
                job: job, token: token, order: job.kind == .retry ? job.order : [], keys: [record.key])
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
        case .act, .nothing: break
        }
    }

    private mutating func settle(_ kept: inout Kept) {
        let end = min(Int(clamping: kept.progress.handled), kept.order.count)
        if end > kept.settledCount {
            settled.insert(kept.order[kept.settledCount..<end])
            kept.settledCount = end
        }
        if kept.progress.state == .done { kept.order = [] }
    }

    private mutating func forget(_ key: String) {
        let words = key.split(separator: " ").map(String.init)
        if words.count == 3, words[0] == "job", let id = Int64(words[1]), jobs[id]?.token == words[2] {
            jobs[id] = nil
        } else if words.count == 2, words[0] == "drop" {
            drops[words[1]] = nil
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

    /// Keys of what has no meaning any more: jobs beyond the last ones that have ended, and messages that were let go, where
    /// the poison queue's own group has settled all of it.
    func keysToForget(committed: PlaceSet) -> [String] {
        let ended = jobs.values.filter(\.progress.state.isFinal).sorted { $0.job.id < $1.job.id }
        let jobs = ended.dropLast(RedriveLimits.endedJobs).filter { $0.job.selected.isSubset(of: committed) }
        let drops = drops.filter { $0.value.isSubset(of: committed) }
        return jobs.flatMap { $0.keys.sorted() } + drops.keys.sorted().map { "drop \($0)" }
    }
}

extension KafkaRedriveState.Kept {
    /// - Returns: whether it is news.
    fileprivate mutating func take(_ mark: KafkaRedriveMark) -> Bool {
        if mark.isBegin, mark.epochs.count == epochs.count + 1, let owner = mark.epochs.last?.owner {
            // Where it begins is where the job is here in the topic, whatever its worker knew.
            epochs.append(KafkaRedriveMark.Epoch(owner: owner, start: progress.handled))
            return true
        }
        if mark.epochs.count == epochs.count {
            guard !mark.isBegin, mark.epochs.last?.owner == owner, mark.progress.handled >= progress.handled else {
                return false
            }
        } else {
            guard mark.epochs.count > epochs.count else { return false }
            epochs = mark.epochs
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
