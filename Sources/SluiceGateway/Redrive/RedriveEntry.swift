import Sluice
import Synchronization

/// A message that a job sends again.
struct RedriveEntry: Sendable {
    /// Where it is taken from, in the poison queue or among the events.
    let step: RedriveStep
    /// When the queue took it there.
    let timestamp: Timestamp
    /// As its route is to get it.
    let message: Message
    /// What had been noted when it was poisoned; empty for an event.
    let poisoned: Metadata
    /// Whether it goes also where it was delivered before.
    let isForced: Bool
}

/// The message that a route sends again now, with what has become of it. A value of the task, because it has to reach the
/// middlewares' stores and publishers.
final class RedriveInHand: Sendable {
    @TaskLocal static var current: RedriveInHand?

    let job: RedriveJob
    let entry: RedriveEntry
    private let state = Mutex(State())

    /// A key that counts as handled once what has become of the message is kept. Until then it is reserved.
    struct Key: Sendable {
        let bytes: [UInt8]
        let scope: String
        let window: Duration
        let store: any DeduplicationStore
    }

    private struct State {
        var keys: [Key] = []
        var outcome: DeliveryOutcome?
        var progress: RedriveProgress?
    }

    init(_ job: RedriveJob, _ entry: RedriveEntry) {
        self.job = job
        self.entry = entry
    }

    /// The chain has ended so.
    func note(_ outcome: DeliveryOutcome) { state.withLock { $0.outcome = outcome } }

    /// What has become of it is kept already.
    func noteKept(_ progress: RedriveProgress) { state.withLock { $0.progress = progress } }

    func note(_ key: Key) { state.withLock { $0.keys.append(key) } }

    var keys: [Key] { state.withLock(\.keys) }

    /// The keys are kept, or the message was not handled: in either case they are reserved no more.
    func releaseKeys() async {
        let keys = state.withLock { state in
            defer { state.keys = [] }
            return state.keys
        }
        for key in keys { await key.store.release(key.bytes, scope: key.scope) }
    }

    var outcome: DeliveryOutcome? { state.withLock(\.outcome) }
    /// Nil until what has become of it is kept.
    var kept: RedriveProgress? { state.withLock(\.progress) }
}
