import DequeModule
import Sluice
import Synchronization

/// The queue before the one thread that writes: whatever has gathered while it wrote shares the next commit.
///
/// It is bounded by its callers: each of them is suspended until its own messages are committed.
final class WriterInbox: Sendable {
    /// Messages of one topic.
    struct Part: Sendable {
        let topic: Topic
        let messages: [Message]
        /// Empty when no message has a key or metadata.
        let envelopes: [Envelope]

        var bytes: Int { messages.reduce(0) { $0 + $1.payload.count } }
    }

    struct Append: Sendable {
        let ticket: UInt64
        let first: Part
        /// Of further topics, in the same commit.
        let others: [Part]
        let continuation: UnsafeContinuation<Void, any Error>
    }

    enum Request: Sendable {
        case append(Append)
        case job(WriterJob)
    }

    /// What the thread shall do next.
    enum Turn {
        case commit([Request], [ConsumerGroup], [HandledKeys])
        case wait(until: MonotonicTime?)
        case stop
    }

    private struct Queue {
        var requests = Deque<Request>()
        /// Groups with settlements to write.
        var groups: [ConsumerGroup] = []
        /// Keys that were handled, to be written with the settlements.
        var keys: [HandledKeys] = []
        var settlementsDue: MonotonicTime?
        /// When the thread looks again by itself; nil where only the signal wakes it.
        var looksAt: MonotonicTime?
        var lastCommit = MonotonicTime(nanoseconds: 0)
        var gathering = CommitGathering()
        /// Whether the thread waits for more requests to share the next commit.
        var isGathering = false
        var isClosing = false

        /// - Returns: whether the thread has to be woken for it.
        mutating func append(_ request: Request) -> Bool {
            requests.append(request)
            return !isGathering || gathering.isWhole(requests.count)
        }
    }

    /// A commit ends with the request that reaches either, so that one commit does not grow without bound.
    private static let commitMessages = 4096
    private static let commitBytes = 8 << 20

    let signal = ThreadSignal()
    let health: LogHealth
    private let path: String
    private let settlementInterval: Duration
    private let queue = Mutex(Queue())
    private let tickets = Atomic<UInt64>(0)

    init(path: String, settlementInterval: Duration, health: LogHealth) {
        self.health = health
        self.path = path
        self.settlementInterval = settlementInterval
    }

    private var closedError: SQLiteLogError { SQLiteLogError(.closed, path: path, detail: "it takes nothing more") }

    // MARK: Asking

    /// Returns when the messages are committed.
    func append(_ first: Part, _ others: [Part] = []) async throws {
        let ticket = tickets.wrappingAdd(1, ordering: .relaxed).newValue
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Void, any Error>) in
                let (refusal, mustWake) = queue.withLock { queue -> ((any Error)?, Bool) in
                    if queue.isClosing { return (closedError, false) }
                    // Checked under the lock: a cancellation that comes later finds the request in the queue.
                    if Task.isCancelled { return (CancellationError(), false) }
                    let append = Append(ticket: ticket, first: first, others: others, continuation: continuation)
                    return (nil, queue.append(.append(append)))
                }
                if let refusal { continuation.resume(throwing: refusal) }
                if mustWake { signal.raise() }
            }
        } onCancel: {
            cancel(ticket)
        }
    }

    private func cancel(_ ticket: UInt64) {
        let request = queue.withLock { queue -> Request? in
            let index = queue.requests.firstIndex {
                if case .append(let append) = $0 { append.ticket == ticket } else { false }
            }
            return index.map { queue.requests.remove(at: $0) }
        }
        // Not there any more: it is being committed, and its caller learns how that ends.
        if case .append(let append) = request { append.continuation.resume(throwing: CancellationError()) }
    }

    /// Runs `body` on the writer's thread as part of a commit, and returns after that.
    func perform<R: Sendable>(_ body: @escaping @Sendable (WriterLoop) throws -> R) async throws -> R {
        try await withUnsafeThrowingContinuation { continuation in
            let job = WriterJob(body, continuation)
            let (isClosing, mustWake) = queue.withLock { queue in
                (queue.isClosing, !queue.isClosing && queue.append(.job(job)))
            }
            if isClosing { continuation.resume(throwing: closedError) }
            if mustWake { signal.raise() }
        }
    }

    /// The group has settlements to write: with the next commit, or soon.
    func announce(_ group: ConsumerGroup) {
        let mustWake = queue.withLock { queue in
            queue.groups.append(group)
            guard queue.settlementsDue == nil else { return false }
            return Self.schedule(max(.now(), queue.lastCommit.advanced(by: settlementInterval)), in: &queue)
        }
        if mustWake { signal.raise() }
    }

    /// There are handled keys to write: with the next commit, or soon.
    /// - Parameter isUrgent: at once.
    /// - Throws: ``SQLiteLogError`` when it is closed.
    func announce(_ keys: HandledKeys, isUrgent: Bool) throws(SQLiteLogError) {
        let (isClosing, mustWake) = queue.withLock { queue in
            if queue.isClosing { return (true, false) }
            if !queue.keys.contains(where: { $0 === keys }) { queue.keys.append(keys) }
            let now = MonotonicTime.now()
            let due = isUrgent ? now : max(now, queue.lastCommit.advanced(by: settlementInterval))
            guard queue.settlementsDue.map({ due < $0 }) ?? true else { return (false, false) }
            return (false, Self.schedule(due, in: &queue))
        }
        if isClosing { throw closedError }
        if mustWake { signal.raise() }
    }

    /// - Returns: whether the thread has to be woken to look as early as that.
    private static func schedule(_ due: MonotonicTime, in queue: inout Queue) -> Bool {
        queue.settlementsDue = due
        return queue.looksAt.map { due < $0 } ?? true
    }

    /// What could not be written of settlements and keys is tried again.
    func postpone(_ groups: [ConsumerGroup], _ keys: [HandledKeys]) {
        queue.withLock { queue in
            queue.groups += groups
            for keys in keys where !queue.keys.contains(where: { $0 === keys }) { queue.keys.append(keys) }
            queue.settlementsDue = MonotonicTime.now().advanced(by: .milliseconds(100))
        }
    }

    /// Takes nothing more; what is in the queue is still written.
    /// - Returns: false when it was closed before.
    func close() -> Bool {
        let first = queue.withLock { queue in
            defer { queue.isClosing = true }
            return !queue.isClosing
        }
        signal.raise()
        return first
    }

    var isClosing: Bool { queue.withLock(\.isClosing) }

    // MARK: Serving

    func next(_ now: MonotonicTime) -> Turn {
        queue.withLock { queue in
            let gathersUntil = queue.isClosing ? nil : queue.gathering.wait(queue.requests.count, now)
            queue.isGathering = gathersUntil != nil && !queue.requests.isEmpty
            if let gathersUntil, queue.isGathering {
                queue.looksAt = gathersUntil
                return .wait(until: gathersUntil)
            }
            let settle = queue.isClosing || queue.settlementsDue.map { $0 <= now } ?? false
            guard !queue.requests.isEmpty || settle && !(queue.groups.isEmpty && queue.keys.isEmpty) else {
                // What was handed out after a commit is settled soon: this spares the thread a wake-up to wait for it.
                let next = queue.lastCommit.advanced(by: settlementInterval)
                queue.looksAt = queue.settlementsDue ?? (now < next ? next : nil)
                return queue.isClosing ? .stop : .wait(until: queue.looksAt)
            }
            defer {
                queue.groups = []
                queue.keys = []
                queue.settlementsDue = nil
                queue.lastCommit = now
            }
            let requests = Self.takeRequests(&queue)
            queue.gathering.noteCommit(of: requests.count, now)
            return .commit(requests, queue.groups, queue.keys)
        }
    }

    private static func takeRequests(_ queue: inout Queue) -> [Request] {
        var count = 0
        var messages = 0
        var bytes = 0
        while count < queue.requests.count, messages < commitMessages, bytes < commitBytes {
            if case .append(let append) = queue.requests[count] {
                messages += append.first.messages.count
                bytes += append.first.bytes
                for part in append.others {
                    messages += part.messages.count
                    bytes += part.bytes
                }
            } else {
                messages += 1
            }
            count += 1
        }
        if count == queue.requests.count {
            defer { queue.requests.removeAll(keepingCapacity: true) }
            return Array(queue.requests)
        }
        let taken = Array(queue.requests.prefix(count))
        queue.requests.removeFirst(count)
        return taken
    }
}

/// Something that the writer's thread does as part of a commit.
final class WriterJob: Sendable {
    /// Runs it; what it returns reports the outcome once the commit is done, or has failed with an error.
    let run: @Sendable (WriterLoop) -> (failed: Bool, report: @Sendable ((any Error)?) -> Void)
    /// For a job that was not reached.
    let refuse: @Sendable (any Error) -> Void

    init<R: Sendable>(
        _ body: @escaping @Sendable (WriterLoop) throws -> R, _ continuation: UnsafeContinuation<R, any Error>
    ) {
        run = { loop in
            let result = Result { try body(loop) }
            let failed = if case .failure = result { true } else { false }
            return (
                failed,
                { error in
                    if !failed, let error {
                        continuation.resume(throwing: error)
                    } else {
                        continuation.resume(with: result)
                    }
                }
            )
        }
        refuse = { continuation.resume(throwing: $0) }
    }
}
