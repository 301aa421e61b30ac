import Sluice

/// Works a lane's jobs off, one message after the other. One task has it.
struct RedriveWorker {
    let lane: RedriveLane
    private var source: (any RedriveSource)?
    /// Before this no message sets out.
    private var due = MonotonicTime(nanoseconds: 0)
    /// When the last one did.
    private var setOut = MonotonicTime(nanoseconds: 0)
    private static let pause: Duration = .seconds(1)

    init(lane: RedriveLane) { self.lane = lane }

    /// Does all that can be done now.
    mutating func work() async {
        do {
            while !Task.isCancelled, try await step() {}
            lane.note(nil)
        } catch is CancellationError {
            return
        } catch {
            // The queue's troubles pass, or another process goes on.
            lane.note("\(error)")
            source = nil
            lane.wake(after: Self.pause)
        }
    }

    /// What was passed over costs the other side nothing, and no time.
    private mutating func keepPace(_ job: RedriveJob) {
        guard let rate = job.rate, rate > 0 else { return }
        due = setOut.advanced(by: .nanoseconds(Int64(min(1e9 / rate, 1e16))))
    }

    mutating func concludeLast() async {
        guard let end = lane.takeEnd() else { return }
        _ = try? await conclude(end.inHand, end.isAcknowledged, after: end.delay)
    }

    /// - Returns: whether there may be more to do.
    private mutating func step() async throws -> Bool {
        if lane.isOut {
            guard let end = lane.takeEnd() else { return false }
            return try await conclude(end.inHand, end.isAcknowledged, after: end.delay)
        }
        guard let subscription = lane.openSubscription, lane.lease.isLeading else {
            source = nil
            return false
        }
        guard let record = lane.current else {
            source = nil
            return false
        }
        let now = MonotonicTime.now()
        guard due <= now else {
            lane.wake(after: now.duration(to: due))
            return false
        }
        if source?.job.id != record.job.id { source = try await lane.store.source(record) }
        switch try await source?.next() {
        case .deliver(let entry):
            setOut = now
            lane.offer(RedriveInHand(record.job, entry), to: subscription)
            return false
        case .gone(let step):
            let progress = try await lane.store.conclude(record.job, step, .skipped, isThere: false, handling: [])
            lane.note(progress, of: record.job)
            source?.advance()
            return true
        case .end, nil:
            let progress = try await lane.store.finish(record.job)
            lane.note(progress, of: record.job)
            source = nil
            return true
        }
    }

    private mutating func conclude(
        _ inHand: RedriveInHand, _ isAcknowledged: Bool, after delay: Duration
    ) async throws -> Bool {
        if let kept = inHand.kept {
            keepPace(inHand.job)
            lane.meter.count(inHand.job, .failed(""))
            lane.note(kept, of: inHand.job)
        } else if isAcknowledged {
            let verdict: RedriveProgress.Verdict =
                switch inHand.outcome {
                case .acked: .delivered
                case .discarded: .failed("it is in no queue any more")
                default: .skipped
                }
            do {
                let progress = try await lane.store.conclude(
                    inHand.job, inHand.entry.step, verdict, isThere: true, handling: inHand.keys)
                if verdict != .skipped { keepPace(inHand.job) }
                lane.meter.count(inHand.job, verdict)
                lane.note(progress, of: inHand.job)
            } catch {
                // It must not set out again before what has become of it is kept, unless that is another process's now.
                if lane.lease.isLeading { lane.putBack(inHand) } else { await inHand.releaseKeys() }
                throw error
            }
        } else {
            // It was given back, and sets out again.
            await inHand.releaseKeys()
            due = max(due, MonotonicTime.now().advanced(by: delay))
            return true
        }
        await inHand.releaseKeys()
        source?.advance()
        return true
    }
}
