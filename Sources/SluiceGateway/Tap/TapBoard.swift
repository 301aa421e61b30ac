import DequeModule
import Sluice
import Synchronization

/// The deliveries of the last seconds, for those who watch with `sluice tap`. It never holds a delivery up: what is not fetched
/// in time is forgotten, and the reader is told how much that was.
final class TapBoard: Sendable {
    /// A delivery that has come to an end, or to a wait.
    struct Entry: Sendable {
        let number: UInt64
        let time: Timestamp
        let sink: String
        let id: MessageID
        let event: Event
        /// `acked`, `filtered` and so on; `failed`, `throttled`, `held` for what is tried again.
        let outcome: String
        /// Why it was not delivered.
        let reason: String?
        let attempts: Int
        /// From its coming to the sink's route.
        let duration: Duration
        /// What it takes here.
        let bytes: Int
    }

    /// What a reader gets.
    struct Batch: Sendable {
        var entries: [Entry] = []
        /// What to ask for next.
        var next: UInt64
        /// How many were forgotten before they were fetched.
        var lost: UInt64 = 0
    }

    private struct State {
        var entries: Deque<Entry> = []
        var bytes = 0
        /// Of the next entry.
        var number: UInt64 = 1
        var lastAsked: MonotonicTime?
    }

    /// Entries and bytes that are kept at most.
    private static let most = (entries: 2_048, bytes: 4 << 20)
    /// Who has not asked for so long has gone.
    private static let patience = Duration.seconds(10)

    private let isOpen = Atomic<Bool>(false)
    private let state = Mutex(State())

    /// Whether a reader watches. One load: the message path asks nothing else without one.
    var isWatched: Bool { isOpen.load(ordering: .relaxed) }

    func note(
        _ sink: String, _ message: Message, _ event: Event, _ outcome: String, reason: String?, attempts: Int,
        _ duration: Duration
    ) {
        let bytes = message.payload.count + 256
        guard bytes <= Self.most.bytes else { return }
        state.withLock { state in
            guard let lastAsked = state.lastAsked, lastAsked.duration(to: .now()) < Self.patience else {
                isOpen.store(false, ordering: .relaxed)
                (state.entries, state.bytes) = ([], 0)
                return
            }
            state.entries.append(
                Entry(
                    number: state.number, time: .now(), sink: sink, id: message.id, event: event, outcome: outcome,
                    reason: reason, attempts: attempts, duration: duration, bytes: bytes))
            state.number += 1
            state.bytes += bytes
            while state.entries.count > Self.most.entries || state.bytes > Self.most.bytes {
                state.bytes -= state.entries.removeFirst().bytes
            }
        }
    }

    /// What has come since a reader last asked.
    /// - Parameters:
    ///   - number: ``Batch/next`` of the batch before; nil begins with what comes from now on.
    ///   - limit: entries at most.
    func read(from number: UInt64?, limit: Int = 256) -> Batch {
        state.withLock { state in
            state.lastAsked = .now()
            isOpen.store(true, ordering: .relaxed)
            guard let number, number <= state.number else { return Batch(next: state.number) }
            let first = state.entries.first?.number ?? state.number
            var batch = Batch(next: max(number, first))
            batch.lost = first > number ? first - number : 0
            let skipped = Int(clamping: batch.next - first)
            batch.entries = Array(state.entries.dropFirst(skipped).prefix(limit))
            batch.next += UInt64(batch.entries.count)
            return batch
        }
    }
}
