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
    /// How many records a worker may have written that it has not read back. So many messages more than one a gateway may send
    /// twice that goes on after it was taken for dead.
    private static let window: Int64 = 16

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
        case .replay:
            if kept.job.skipsDelivered { try await catchUp() }
            return try KafkaReplaySource(kept.record, self)
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
                giveUp(job.id)
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
        return try await keep(mark, of: job, before: kept)
    }

    private func count(
        _ kept: KafkaRedriveState.Kept, _ step: RedriveStep, _ verdict: RedriveProgress.Verdict
    ) async throws -> RedriveProgress {
        // It may be counted already, where the answer of the brokers was lost.
        guard kept.progress.handled == step.index else { return kept.progress }
        var mark = KafkaRedriveMark(progress: kept.progress, epochs: kept.epochs)
        mark.progress.note(verdict, at: step.place, of: kept.job)
        return try await keep(mark, of: kept.job, before: kept)
    }

    private func keep(
        _ mark: KafkaRedriveMark, of job: RedriveJob, before: KafkaRedriveState.Kept
    ) async throws -> RedriveProgress {
        var mark = mark
        mark.progress.updated = .now()
        mark.number = before.number + 1
        var records: [KafkaRedriveRecord] = [.mark(job.id, mark)]
        let (state, why) = (mark.progress.state, mark.progress.why)
        if before.progress.state == .running, state == .stopped || state == .done {
            records.append(
                .act(
                    RedriveAct(
                        state.rawValue, by: RedriveAct.gateway, job: job.id, state == .done ? mark.progress.counts : why
                    ),
                    token: Self.token()))
        }
        try await publish(records)
        self.state.withLock { state in
            state.written[job.id] = mark
            state.isBehind = true
        }
        let isTurn = before.progress.state == .running && state != .running
        try await confirm(job.id, mark.epochs.last?.owner, isTurn ? mark.number : mark.number - Self.window)
        return self.state.withLock { state in
            state.kept.jobs[job.id]?.advanced(to: state.written[job.id]).progress ?? mark.progress
        }
    }

    /// Waits until what this gateway has written has come back through the topic, and counts.
    /// - Parameter number: of the record.
    /// - Throws: ``RedriveLostError`` where another one has the job by then.
    private func confirm(_ id: Int64, _ owner: String?, _ number: Int64) async throws {
        do {
            try await wait { state in
                guard let kept = state.kept.jobs[id], kept.owner == owner else {
                    return .failure(RedriveLostError(job: id))
                }
                return kept.number >= number ? .success(()) : nil
            }
        } catch let error as RedriveLostError {
            giveUp(id)
            throw error
        } catch is DeadlineError {
            giveUp(id)
            throw ControlFailure(.failed, "the topic \(topic) does not give back in time what is written there")
        }
    }

    /// What was written of the job and has not come back may count or not: the topic says it.
    private func giveUp(_ id: Int64) {
        state.withLock { state in
            state.owners[id] = nil
            state.written[id] = nil
        }
    }

    /// Makes sure that the job is this gateway's to work off: whatever a former one still writes counts no more.
    /// - Throws: ``RedriveLostError``; ``ControlFailure`` for a job that is gone.
    private func claim(_ id: Int64) async throws -> KafkaRedriveState.Kept {
        // It may have been written and not be read here yet.
        if state.withLock({ $0.kept.jobs[id] == nil }) { try await catchUp() }
        let (found, mine, written) = state.withLock { ($0.kept.jobs[id], $0.owners[id], $0.written[id]) }
        guard let found else { throw ControlFailure(.failed, "job \(id) is gone") }
        if let mine, found.owner == mine { return found.advanced(to: written) }
        if mine != nil {
            // Whether it is to be this gateway's again says the lease.
            giveUp(id)
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
            state.written[id] = nil
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
