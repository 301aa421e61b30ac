import Logging
import Sluice
import SluiceKafka
import Synchronization

/// Another gateway works the job off by now.
struct RedriveLostError: Error, CustomStringConvertible {
    let job: Int64
    var description: String { "another gateway works job \(job) off" }
}

extension KafkaRedriveStore {
    /// How soon another gateway takes over from one that was killed.
    private static let sessionTimeout: Duration = .seconds(10)

    func lease(of lane: String) throws -> any RedriveLease {
        var options = KafkaSubscriber.Configuration()
        options.start = .end
        options.sessionTimeout = Self.sessionTimeout
        options.createsMissingTopics = false
        options.prefetchKilobytes = 1_024
        return KafkaRedriveLease(
            try KafkaSubscriber(
                configuration.client, group: configuration.group(of: "redrive-\(lane)"), configuration: options,
                logger: logger), topic)
    }

    func source(_ record: RedriveRecord) async throws -> any RedriveSource {
        let kept = try await claim(record.job.id)
        switch kept.job.kind {
        case .retry: return try await KafkaRetrySource(kept.record, self)
        case .replay: return try KafkaReplaySource(kept.record, self)
        }
    }

    func conclude(
        _ job: RedriveJob, _ step: RedriveStep, _ verdict: RedriveProgress.Verdict, isThere: Bool,
        handling keys: [RedriveInHand.Key]
    ) async throws -> RedriveProgress {
        for key in keys { try await key.store.commit(key.bytes, scope: key.scope, for: key.window) }
        let kept = try await claim(job.id)
        return try await count(kept, step, verdict)
    }

    func poisonAgain(_ message: Message, _ inHand: RedriveInHand) async throws -> RedriveProgress {
        let (job, step) = (inHand.job, inHand.entry.step)
        let reason = message.metadata[PoisonMetadata.reason] ?? "no reason"
        let kept = try await claim(job.id)
        guard kept.progress.handled == step.index else { return kept.progress }
        if state.withLock({ $0.copied[job.id] }) != step.index, let owner = kept.owner {
            do {
                try await copy(
                    message, KafkaRedriveStep(token: kept.token, job: job.id, index: step.index, owner: owner))
            } catch {
                // Brokers may have it all the same. What was put there under the old name does not count.
                state.withLock { _ = $0.owners.removeValue(forKey: job.id) }
                throw error
            }
            state.withLock { $0.copied[job.id] = step.index }
        }
        return try await count(kept, step, .failed(reason))
    }

    func finish(_ job: RedriveJob) async throws -> RedriveProgress {
        let kept = try await claim(job.id)
        guard kept.progress.state == .running else { return kept.progress }
        var mark = KafkaRedriveMark(progress: kept.progress, epochs: kept.epochs)
        mark.progress.state = .done
        return try await keep(mark, of: job, before: kept.progress)
    }

    private func count(
        _ kept: KafkaRedriveState.Kept, _ step: RedriveStep, _ verdict: RedriveProgress.Verdict
    ) async throws -> RedriveProgress {
        // It may be counted already, where the answer of the brokers was lost.
        guard kept.progress.handled == step.index else { return kept.progress }
        var mark = KafkaRedriveMark(progress: kept.progress, epochs: kept.epochs)
        mark.progress.note(verdict, at: step.place, of: kept.job)
        return try await keep(mark, of: kept.job, before: kept.progress)
    }

    private func keep(
        _ mark: KafkaRedriveMark, of job: RedriveJob, before: RedriveProgress
    ) async throws -> RedriveProgress {
        var mark = mark
        mark.progress.updated = .now()
        var records: [KafkaRedriveRecord] = [.mark(job.id, mark)]
        let (state, why) = (mark.progress.state, mark.progress.why)
        if before.state == .running, state == .stopped || state == .done {
            records.append(
                .act(
                    RedriveAct(
                        state.rawValue, by: RedriveAct.gateway, job: job.id, state == .done ? mark.progress.counts : why
                    ),
                    token: Self.token()))
        }
        try await publish(records)
        return self.state.withLock { state in
            state.kept.take(.mark(job.id, mark))
            state.isBehind = true
            return state.kept.jobs[job.id]?.progress ?? mark.progress
        }
    }

    /// Makes sure that the job is this gateway's to work off: whatever a former one still writes counts no more.
    /// - Throws: ``RedriveLostError``; ``ControlFailure`` for a job that is gone.
    private func claim(_ id: Int64) async throws -> KafkaRedriveState.Kept {
        let (found, mine) = state.withLock { ($0.kept.jobs[id], $0.owners[id]) }
        guard let found else { throw ControlFailure(.failed, "job \(id) is gone") }
        if let mine, found.owner == mine { return found }
        if mine != nil {
            // Whether it is to be this gateway's again says the lease.
            state.withLock { _ = $0.owners.removeValue(forKey: id) }
            throw RedriveLostError(job: id)
        }
        try await catchUp()
        guard let kept = state.withLock({ $0.kept.jobs[id] }) else {
            throw ControlFailure(.failed, "job \(id) is gone")
        }
        let owner = Self.token()
        let epoch = KafkaRedriveMark.Epoch(owner: owner, start: kept.progress.handled)
        try await publish([
            .mark(id, KafkaRedriveMark(progress: kept.progress, epochs: kept.epochs + [epoch], isBegin: true))
        ])
        try await catchUp()
        return try state.withLock { state in
            guard let kept = state.kept.jobs[id], kept.owner == owner else { throw RedriveLostError(job: id) }
            state.owners[id] = owner
            state.copied[id] = nil
            return kept
        }
    }
}

/// The right to work a lane off on Kafka: the member of the lane's group that has the first partition has it.
final class KafkaRedriveLease: RedriveLease {
    let name = "kafka"
    let defaultOrdering = Ordering.serial
    private let subscriber: KafkaSubscriber
    private let topic: Topic

    init(_ subscriber: KafkaSubscriber, _ topic: Topic) {
        self.subscriber = subscriber
        self.topic = topic
    }

    var isLeading: Bool { subscriber.lag(of: topic)?.partitions[0] != nil }

    func subscribe(to topic: Topic) async throws -> Subscription { try await subscriber.subscribe(to: topic) }

    func close() async { await subscriber.close() }
}
