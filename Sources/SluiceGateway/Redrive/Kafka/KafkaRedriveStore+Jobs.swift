import Sluice
import SluiceKafka
import Synchronization

/// Jobs as commands begin and change them.
extension KafkaRedriveStore {
    /// So many stretches of places stay well below that, wherever they lie.
    private var rangesOfAPart: Int { mostBytes / 30 }

    func records() async throws -> [RedriveRecord] {
        try await catchUp()
        return listed
    }

    /// As they are known now: it is asked for each second.
    func records(knowing known: [RedriveJob]) async throws -> [RedriveRecord] { listed }

    /// Those that have ended go from the list before they may go from the topic.
    private var listed: [RedriveRecord] {
        let records = state.withLock(\.kept.records)
        let surplus = records.count { $0.progress.state.isFinal } - RedriveLimits.endedJobs
        guard surplus > 0 else { return records }
        let gone = Set(records.filter(\.progress.state.isFinal).prefix(surplus).map(\.job.id))
        return records.filter { !gone.contains($0.job.id) }
    }

    func add(
        _ jobs: [RedriveJob], returning messages: [(job: Int, message: Message)], by: String
    ) async throws -> [RedriveRecord] {
        try await catchUp()
        var records: [RedriveRecord] = []
        for (index, wanted) in jobs.enumerated() {
            let token = Self.token()
            var job = wanted
            (job.by, job.created) = (by, .now())
            let returned = messages.filter { $0.job == index }.map(\.message)
            if !returned.isEmpty { job.selected.form(unionWith: try await putBack(returned, token)) }
            if job.kind == .retry { job.total = job.selected.count }
            try await split(&job, token)
            guard job.encoded.utf8.count <= mostBytes else {
                throw ControlFailure(.invalid, "what the job is about takes more than \(mostBytes) bytes to say")
            }
            records.append(try await add(job, token, by: by))
        }
        return records
    }

    /// Messages that one record cannot name are there before the job is.
    private func split(_ job: inout RedriveJob, _ token: String) async throws {
        let parts = job.selected.parts(ofRanges: rangesOfAPart)
        guard parts.count > 1, job.encoded.utf8.count > mostBytes else { return }
        try await publish(
            parts.enumerated().map { .part($0.element, token: token, index: Int64($0.offset)) })
        (job.parts, job.selected) = (Int64(parts.count), PlaceSet())
    }

    /// Gives the job the next number.
    private func add(_ wanted: RedriveJob, _ token: String, by: String) async throws -> RedriveRecord {
        var job = wanted
        while true {
            job.id = (state.withLock { $0.kept.jobs.keys.max() } ?? 0) + 1
            try await publish([
                .job(job, token: token),
                .act(RedriveAct(job.kind.rawValue, by: by, job: job.id, job.words), token: token),
            ])
            try await catchUp()
            let (id, found) = (job.id, state.withLock { $0.kept.jobs[job.id] })
            if let found, found.token == token { return found.record }
            // Another gateway was faster.
            try await takeAway([KafkaRedriveRecord.job(job, token: token).key])
            try Task.checkCancellation()
            guard state.withLock({ $0.kept.jobs[id] }) != nil else {
                throw ControlFailure(.failed, "the topic \(topic) does not keep what is written there")
            }
        }
    }

    /// Puts messages of a file into the poison queue. They count there once a job names them.
    private func putBack(_ messages: [Message], _ token: String) async throws -> PlaceSet {
        let before = try await reader.bounds(of: poison)
        try await queue.publish(
            messages.enumerated().map { number, message in
                var returned = message
                returned.metadata[RedriveMetadata.step] = nil
                returned.metadata[RedriveMetadata.returned] = "\(token).\(number)"
                return returned
            }, to: poison)
        var places = PlaceSet()
        // One that brokers took twice counts once.
        var missing = Set(messages.indices.map { "\(token).\($0)" })
        for (partition, bounds) in try await reader.bounds(of: poison) {
            let start = before[partition]?.upperBound ?? bounds.lowerBound
            try await poisonQueue.read(poison, partition, start..<bounds.upperBound) { found in
                for record in found {
                    guard let name = record.message.metadata[RedriveMetadata.returned], missing.remove(name) != nil
                    else {
                        continue
                    }
                    places.insert([RedrivePlace(partition: partition, offset: record.offset)])
                }
                return true
            }
        }
        return places
    }

    func change(_ id: Int64, _ act: RedriveProgress.Act, by: String) async throws -> RedriveRecord? {
        try await catchUp()
        guard let kept = state.withLock({ $0.kept.jobs[id] }) else { return nil }
        guard !kept.progress.state.isFinal else {
            throw ControlFailure(.invalid, "job \(id) is \(kept.progress.state.rawValue) already")
        }
        try await publish([
            .will(id, act, by: by),
            .act(RedriveAct(act.rawValue, by: by, job: id, "\(act.rawValue) by \(by)"), token: Self.token()),
        ])
        try await catchUp()
        return state.withLock { $0.kept.jobs[id]?.record }
    }
}
