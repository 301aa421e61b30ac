import Logging
import Sluice
import Synchronization

/// What a route that sends again reads: one message at a time of the first job that runs for it, no faster than the job's rate.
/// The next one is taken once what has become of the last is kept.
///
/// Of several processes on a queue one works a lane off: the one that has the lane's lease.
final class RedriveLane: Subscriber, Settler {
    let name = "redrive"
    let defaultOrdering = Ordering.serial
    /// The route whose messages it sends again.
    let route: String

    let store: any RedriveStore
    let lease: any RedriveLease
    private let bell: AsyncStream<Void>.Continuation
    private let rings: AsyncStream<Void>
    private let leases: AsyncStream<Subscription>
    private let leaseFeed: AsyncStream<Subscription>.Continuation
    let meter: RedriveMeter
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

    init(_ route: String, _ store: any RedriveStore, _ meter: RedriveMeter, logger: Logger) throws {
        self.route = route
        self.store = store
        self.meter = meter
        self.logger = logger
        lease = try store.lease(of: route)
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
                // Whether it runs is a person's word, which may be newer than what this lane has kept.
                var record = own
                if own.progress.state == .running {
                    (record.progress.state, record.progress.why) = (read.progress.state, read.progress.why)
                }
                return record
            }
        }
        bell.yield()
    }

    // MARK: The route's side

    func subscribe(to topic: Topic) async throws -> Subscription {
        let bell = bell
        let subscription = try Subscription(capacity: 1, redelivery: .route, onEnd: { bell.yield() })
        let held = try await lease.subscribe(to: store.topic)
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
                var worker = RedriveWorker(lane: self)
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
}

/// What its worker asks of it.
extension RedriveLane {
    var isOut: Bool { state.withLock { $0.inHand != nil } }

    var openSubscription: Subscription? {
        state.withLock { state in
            guard let subscription = state.subscription, !subscription.isEnded else { return nil }
            return subscription
        }
    }

    /// The job whose messages come next.
    var current: RedriveRecord? {
        state.withLock { state in state.records.first { $0.progress.state == .running } }
    }

    func offer(_ inHand: RedriveInHand, to subscription: Subscription) {
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
                offset: inHand.job.kind == .replay ? entry.step.place.offset : nil, timestamp: entry.timestamp),
            settler: self, tag: tag)
        // One that has ended gives it back as it goes.
        _ = subscription.offer(delivery)
    }

    /// How the message in hand has ended; nil while it has not.
    func takeEnd() -> (inHand: RedriveInHand, isAcknowledged: Bool, delay: Duration)? {
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

    func putBack(_ inHand: RedriveInHand) {
        state.withLock { state in
            state.inHand = inHand
            state.end = .acknowledged
        }
    }

    func note(_ progress: RedriveProgress, of job: RedriveJob) {
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

    func note(_ problem: String?) {
        let isNews = state.withLock { state in
            defer { state.problem = problem }
            return state.problem != problem
        }
        guard isNews, let problem else { return }
        logger.warning("messages cannot be sent again now", metadata: ["route": "\(route)", "error": "\(problem)"])
    }

    func wake(after delay: Duration) {
        let bell = bell
        RouterTime.real.after(delay) { bell.yield() }
    }
}
