import Sluice
import Synchronization

/// What the journal knows of the time before this process: since when a destination was as it was left, and how attempts
/// failed. It is read once, before anything is delivered; the destinations' own books go on from there.
final class PastTroubles: Sendable {
    /// How a destination was left.
    private struct Trouble {
        /// Since when it took nothing.
        var since: Timestamp
        /// How the journal is told that this has ended.
        var ends: Set<JournalEvent.Kind>
    }

    private struct State {
        var troubles: [String: Trouble] = [:]
        var causes: [String: [Snapshot.Cause]] = [:]
    }

    /// How far back failures are counted, and how many events and causes are read at most.
    private static let age = Duration.seconds(86_400)
    private static let most = (events: 4_096, causes: 1_024)

    /// What begins a time without deliveries, by what ends it.
    private static let ends: [JournalEvent.Kind: JournalEvent.Kind] = [
        .shut: .opened, .held: .released, .breakerOpened: .breakerClosed,
    ]

    private let state = Mutex(State())
    private let note: @Sendable (JournalEvent) -> Void

    /// - Parameter note: writes the journal.
    init(note: @escaping @Sendable (JournalEvent) -> Void) {
        self.note = note
    }

    /// A journal that cannot be read knows nothing.
    /// - Parameter reader: of a file that no process writes.
    func read(_ reader: JournalReader) async {
        let start = Timestamp.now().advanced(by: .zero - Self.age)
        guard let events = try? await reader.lastEvents(limit: Self.most.events),
            let failures = try? await reader.failures(since: start, limit: Self.most.causes)
        else { return }
        state.withLock { state in
            state.troubles = Self.troubles(events)
            for failure in failures {
                state.causes[failure.destination, default: []].append(
                    Snapshot.Cause(reason: failure.reason, count: failure.count, last: failure.last))
            }
            for (name, causes) in state.causes { state.causes[name] = causes.joined(with: []) }
        }
    }

    /// - Parameter events: the newest first.
    private static func troubles(_ events: [JournalEvent]) -> [String: Trouble] {
        var troubles: [String: Trouble] = [:]
        for event in events.reversed() {
            if let end = ends[event.kind] {
                // One that was told anew by a later process began before.
                let since = troubles[event.subject]?.since ?? event.time
                troubles[event.subject, default: Trouble(since: since, ends: [])].ends.insert(end)
            } else if var trouble = troubles[event.subject], trouble.ends.remove(event.kind) != nil {
                troubles[event.subject] = trouble.ends.isEmpty ? nil : trouble
            }
        }
        return troubles
    }

    /// What was left is over once an attempt has succeeded.
    func settle(_ status: Destination.Status) {
        guard status.lastSuccess != nil, let over = state.withLock({ $0.troubles.removeValue(forKey: status.name) })
        else { return }
        for kind in over.ends { note(JournalEvent(kind, status.name)) }
    }

    /// Adds what was before to what a destination's books say.
    func add(to destination: inout Snapshot.Destination) {
        let (trouble, causes) = state.withLock { ($0.troubles[destination.name], $0.causes[destination.name]) }
        if let trouble, destination.lastSuccess == nil, let since = destination.failingSince {
            destination.failingSince = min(since, trouble.since)
        }
        if let causes { destination.failures = destination.failures.joined(with: causes) }
    }
}

extension [Snapshot.Cause] {
    /// How many are shown at most.
    private static var most: Int { 16 }

    /// Each reason once, the latest first.
    func joined(with others: Self) -> Self {
        var causes: [String: Snapshot.Cause] = [:]
        for cause in self + others {
            var sum = causes[cause.reason] ?? Snapshot.Cause(reason: cause.reason, count: 0, last: cause.last)
            sum.count = sum.count.addingSaturated(cause.count)
            sum.last = Swift.max(sum.last, cause.last)
            causes[cause.reason] = sum
        }
        let latest = causes.values.sorted { ($1.last, $0.reason) < ($0.last, $1.reason) }
        return Array(latest.prefix(Self.most))
    }
}
