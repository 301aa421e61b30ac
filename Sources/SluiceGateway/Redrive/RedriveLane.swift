import Logging
import Sluice
import SluiceSQLite
import Synchronization

/// What a route that sends again reads: one message at a time of the first job that runs for it, no faster than the job's rate.
/// The next one is taken once what has become of the last is kept.
///
/// Of several processes on a log one works a lane off: the one that leads the lane's group on the topic `redrive`.
final class RedriveLane: Subscriber, Settler {
    let name = "redrive"
    let defaultOrdering = Ordering.serial
    /// The route whose messages it sends again.
    let route: String

    private let store: LogRedriveStore
    private let lease: SQLiteSubscriber
    private let bell: AsyncStream<Void>.Continuation
    private let rings: AsyncStream<Void>
    private let leases: AsyncStream<Subscription>
    private let leaseFeed: AsyncStream<Subscription>.Continuation
    private let meter: RedriveMeter
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var subscription: Subscription?
        var isClosed = false
        /// The jobs of this lane that have not ended, oldest first.
        var records: [RedriveRecord] = []
        var inHand: RedriveInHand?
        var tag: UInt64 = 0
        var end: Settlement?
        /// Whether the delivery was dropped because it was not this lane's any more.
        var isForgone = false
        var problem: String?
    }

    init(_ route: String, _ store: LogRedriveStore, _ meter: RedriveMeter, logger: Logger) throws {
        self.route = route
        self.store = store
        self.meter = meter
        self.logger = logger
        lease = try store.log.subscriber(
            group: LogRedriveStore.group(of: route), configuration: .init(start: .end))
        (rings, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        (leases, leaseFeed) = AsyncStream.makeStream(of: Subscription.self)
    }

    /// What its route has in hand.
    var inHand: RedriveInHand? { state.withLock(\.inHand) }
    /// Why it cannot go on now; nil where all is well.
    var problem: String? { state.withLock(\.problem) }

    /// These are its jobs from now on.
    func follow(_ records: [RedriveRecord]) {
        state.withLock { state in
            // What was read may be older than what this lane has kept meanwhile.
            state.records = records.map { read in
                guard let own = state.records.first(where: { $0.job.id == read.job.id }),
                    own.progress.handled > read.progress.handled
                else { return read }
                return own
            }
        }
        bell.yield()
    }

    // MARK: The route's side

    func subscribe(to topic: Topic) async throws -> Subscription {
        let bell = bell
        let subscription = try Subscription(capacity: 1, redelivery: .route, onEnd: { bell.yield() })
        let held = try await lease.subscribe(to: LogRedriveStore.topic)
        leaseFeed.yield(held)
        let isClosed = state.withLock { state in
            if !state.isClosed { state.subscription = subscription }
            return state.isClosed
        }
        if isClosed { throw ClosedError("lane \(route)") }
        bell.yield()
        return subscription
    }

    func close() async {
        let subscription = state.withLock { state in
            state.isClosed = true
            return state.subscription
        }
        subscription?.cancel()
        leaseFeed.finish()
        bell.finish()
        await lease.close()
    }

    func settle(_ tag: UInt64, _ settlement: Settlement) {
        state.withLock { state in if state.tag == tag { state.end = settlement } }
        bell.yield()
    }

    func forgo(_ tag: UInt64) {
        state.withLock { state in if state.tag == tag { state.isForgone = true } }
        bell.yield()
    }

    /// A job that a person has paused has nothing delivered any more, also what waits at its destination already.
    func owns(_ tag: UInt64) -> Bool {
        let isWanted = state.withLock { state in
            guard state.tag == tag, let inHand = state.inHand else { return false }
            return state.records.contains { $0.job.id == inHand.job.id && $0.progress.state == .running }
        }
        return isWanted && lease.isLeading
    }

    // MARK: Working off

    /// Works its jobs off until it is closed or the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.holdLeases() }
            group.addTask {
                var worker = Worker(lane: self)
                for await _ in self.rings {
                    if Task.isCancelled { break }
                    await worker.work()
                }
                // What its route has brought to an end while everything stops is kept all the same.
                await worker.concludeLast()
            }
        }
    }

    /// What is recorded on the topic is known already.
    private func holdLeases() async {
        for await held in leases {
            while let records = try? await held.next() {
                for record in records { record.acknowledge() }
                bell.yield()
            }
        }
    }

    /// What the lane's one task remembers.
    private struct Worker {
        let lane: RedriveLane
        var source: RedriveSource?
        /// Before this no message sets out.
        var due = MonotonicTime(nanoseconds: 0)
        /// When the last one did.
        var setOut = MonotonicTime(nanoseconds: 0)
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
                // The file's troubles pass, or another process goes on.
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
            if source?.job.id != record.job.id { source = try await RedriveSource(record, lane.store.log) }
            switch try await source?.next() {
            case .deliver(let entry):
                setOut = now
                lane.offer(RedriveInHand(record.job, entry), to: subscription)
                return false
            case .gone(let offset):
                lane.note(try await lane.store.conclude(record.job, offset, .skipped, isThere: false), of: record.job)
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
                        inHand.job, inHand.entry.offset, verdict, handling: inHand.keys)
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
}

extension RedriveLane {
    private var isOut: Bool { state.withLock { $0.inHand != nil } }

    private var openSubscription: Subscription? {
        state.withLock { state in
            guard let subscription = state.subscription, !subscription.isEnded else { return nil }
            return subscription
        }
    }

    /// The job whose messages come next.
    private var current: RedriveRecord? {
        state.withLock { state in state.records.first { $0.progress.state == .running } }
    }

    private func offer(_ inHand: RedriveInHand, to subscription: Subscription) {
        let tag = state.withLock { state in
            state.tag += 1
            state.inHand = inHand
            state.end = nil
            state.isForgone = false
            return state.tag
        }
        let entry = inHand.entry
        let delivery = Delivery(
            entry.message,
            // An offset is a place among the events, which the poison queue's is not.
            origin: Delivery.Origin(
                offset: inHand.job.kind == .replay ? entry.offset : nil, timestamp: entry.timestamp), settler: self,
            tag: tag)
        // One that has ended gives it back as it goes.
        _ = subscription.offer(delivery)
    }

    /// How the message in hand has ended; nil while it has not.
    private func takeEnd() -> (inHand: RedriveInHand, isAcknowledged: Bool, delay: Duration)? {
        state.withLock { state in
            guard let inHand = state.inHand else { return nil }
            if state.isForgone {
                state.inHand = nil
                return (inHand, false, .zero)
            }
            switch state.end {
            case nil: return nil
            case .acknowledged:
                state.inHand = nil
                return (inHand, true, .zero)
            case .rejected(let rejection):
                state.inHand = nil
                return (inHand, false, rejection.delay ?? .milliseconds(100))
            }
        }
    }

    private func putBack(_ inHand: RedriveInHand) {
        state.withLock { state in
            state.inHand = inHand
            state.end = .acknowledged
        }
    }

    private func note(_ progress: RedriveProgress, of job: RedriveJob) {
        let isNews = state.withLock { state in
            guard let index = state.records.firstIndex(where: { $0.job.id == job.id }) else { return false }
            let before = state.records[index].progress.state
            state.records[index].progress = progress
            return before != progress.state
        }
        guard isNews else { return }
        logger.notice(
            "a job that sends messages again is \(progress.state.rawValue)",
            metadata: [
                "job": "\(job.id)", "route": "\(route)", "delivered": "\(progress.delivered)",
                "failed_again": "\(progress.failed)", "passed_over": "\(progress.skipped)",
                "why": "\(progress.why ?? "-")",
            ])
    }

    private func note(_ problem: String?) {
        let isNews = state.withLock { state in
            defer { state.problem = problem }
            return state.problem != problem
        }
        guard isNews, let problem else { return }
        logger.warning("messages cannot be sent again now", metadata: ["route": "\(route)", "error": "\(problem)"])
    }

    private func wake(after delay: Duration) {
        let bell = bell
        RouterTime.real.after(delay) { bell.yield() }
    }
}
