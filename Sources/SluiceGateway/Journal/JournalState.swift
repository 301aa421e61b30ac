import Sluice
import Synchronization

/// What the journal's thread and everything else know of each other.
final class JournalState: Sendable {
    private struct State {
        var routes: [JournalRoute] = []
        var hasEnded = false
        /// Why the file cannot be used now.
        var problem: String?
        /// Why it was made again, and when.
        var madeAgain: (problem: String, time: Timestamp)?
        var dropped = 0
        var bytes: Int64 = 0
        var oldest: Timestamp?
    }

    private static let count = Atomic<UInt64>(0)

    let process = JournalProcess.this(count.wrappingAdd(1, ordering: .relaxed).newValue)
    let startedAt = Timestamp.now()
    private let state = Mutex(State())

    /// The number that stands for a route; the same for one that is made anew.
    func number(of route: JournalRoute) -> Int {
        state.withLock { state in
            if let index = state.routes.firstIndex(of: route) { return index }
            state.routes.append(route)
            return state.routes.count - 1
        }
    }

    var routes: [JournalRoute] { state.withLock(\.routes) }

    var hasEnded: Bool { state.withLock(\.hasEnded) }

    func end() { state.withLock { $0.hasEnded = true } }

    var problem: String? { state.withLock(\.problem) }

    /// - Parameter problem: nil once it can be used.
    func fail(_ problem: String?) { state.withLock { $0.problem = problem } }

    func noteMadeAgain(_ problem: String) { state.withLock { $0.madeAgain = (problem, .now()) } }

    func noteDropped(_ count: Int) { state.withLock { $0.dropped = $0.dropped.addingSaturated(count) } }

    func note(bytes: Int64, oldest: Timestamp?) {
        state.withLock { ($0.bytes, $0.oldest) = (bytes, oldest) }
    }

    var extent: (bytes: Int64, oldest: Timestamp?) { state.withLock { ($0.bytes, $0.oldest) } }

    /// For how long it is told that the file was made again.
    private static let memory = Duration.seconds(86_400)

    func report(to readiness: inout Readiness) {
        let (problem, madeAgain, dropped) = state.withLock { ($0.problem, $0.madeAgain, $0.dropped) }
        let lost = dropped > 0 ? "; \(dropped) records are lost" : ""
        if let problem {
            readiness.notes.append("journal: it cannot be written: \(problem)\(lost); no message is lost")
        } else if let madeAgain, madeAgain.time.advanced(by: Self.memory) > .now() {
            readiness.notes.append(
                "journal: it was made again at \(RFC3339.format(madeAgain.time)): \(madeAgain.problem)\(lost)")
        }
    }
}
