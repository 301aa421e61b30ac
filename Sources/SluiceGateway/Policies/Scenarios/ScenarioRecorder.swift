import Logging
import Sluice
import Synchronization

/// Notes what happens in a scenario.
final class ScenarioRecorder: Sendable {
    private struct State {
        var trace: ScenarioTrace
        /// What of each passage's waits is known already: as the route has booked it.
        var booked: [[ScenarioTrace.Waited]]
        /// Messages at sinks that have not come to their end.
        var open: Int
        var places: [Int]
        /// Nothing counts any more.
        var isOver = false
    }

    private let time: RouterTime
    private let start: MonotonicTime
    private let indices: [MessageID: Int]
    private let kinds: [ScenarioSinkKind]
    private let state: Mutex<State>
    private let isDone = Completion()

    /// - Parameter ids: of the messages, in their order.
    init(_ scenario: Scenario, _ messages: [ScenarioMessage], ids: [MessageID], time: RouterTime) {
        self.time = time
        start = time.now
        indices = Dictionary(zip(ids, ids.indices), uniquingKeysWith: { first, _ in first })
        kinds = scenario.sinks.map(\.value.kind)
        let rows = Array(
            repeating: Array(repeating: ScenarioTrace.Passage(), count: messages.count), count: scenario.sinks.count)
        let trace = ScenarioTrace(
            messages: messages, sinks: scenario.sinks.map(\.name),
            destinations: scenario.sinks.map(Scenario.destination), orders: scenario.sinks.map(\.value.order),
            passages: rows)
        state = Mutex(
            State(
                trace: trace, booked: rows.map { $0.map { _ in .init() } },
                open: messages.count * scenario.sinks.count,
                places: Array(repeating: 0, count: scenario.sinks.count)))
    }

    private var now: Duration { start.duration(to: time.now) }

    /// Changes the trace, unless the scenario is over.
    private func note(_ change: (inout State) -> Void) {
        state.withLock { state in
            if !state.isOver { change(&state) }
        }
    }

    func arrived(_ message: Int) {
        let now = now
        note { state in
            for sink in state.trace.passages.indices { state.trace.passages[sink][message].arrival = now }
        }
    }

    // MARK: Passes and attempts

    func attempt(_ sink: Int, _ context: HandlerContext) -> AttemptInHand? {
        guard let message = indices[context.message.id] else { return nil }
        return AttemptInHand(sink: sink, message: message, envelope: context.message, kind: kinds[sink]) {
            [self] in began($0, context)
        }
    }

    private func began(_ attempt: AttemptInHand, _ context: HandlerContext) {
        let now = now
        func booked(_ stage: DeliveryTrace.BookedStage) -> Duration {
            .nanoseconds(Int64(clamping: context.delivery.trace.nanoseconds(in: stage)))
        }
        let sums = ScenarioTrace.Waited(
            throttle: booked(.throttle), concurrency: booked(.concurrency), breaker: booked(.breaker),
            backoff: booked(.backoff))
        note { state in
            let passage = state.trace.passages[attempt.sink][attempt.message]
            let before = state.booked[attempt.sink][attempt.message]
            let last = passage.attempts.last.map { state.trace.attempts[$0] }
            let since = last.map { $0.end ?? $0.start } ?? passage.arrival ?? now
            // What the source delivers again is booked from the beginning.
            func more(_ stage: KeyPath<ScenarioTrace.Waited, Duration>) -> Duration {
                sums[keyPath: stage] - (sums[keyPath: stage] >= before[keyPath: stage] ? before[keyPath: stage] : .zero)
            }
            let waited = ScenarioTrace.Waited(
                all: now - since, throttle: more(\.throttle), concurrency: more(\.concurrency),
                breaker: more(\.breaker),
                backoff: more(\.backoff))
            state.booked[attempt.sink][attempt.message] = sums
            state.trace.passages[attempt.sink][attempt.message].attempts.append(state.trace.attempts.count)
            state.trace.attempts.append(
                .init(
                    sink: attempt.sink, message: attempt.message, number: passage.attempts.count + 1, start: now,
                    waited: waited))
        }
    }

    func answered(_ attempt: AttemptInHand, _ words: String, isTaken: Bool) {
        note { state in
            if let index = state.trace.passages[attempt.sink][attempt.message].attempts.last {
                state.trace.attempts[index].answers.append(words)
            }
            if isTaken { state.trace.passages[attempt.sink][attempt.message].taken += 1 }
        }
    }

    /// - Parameter failure: why it failed; nil when it succeeded.
    func ended(_ attempt: AttemptInHand, _ failure: String?) {
        guard attempt.hasBegun else { return }
        let now = now
        note { state in
            if let index = state.trace.passages[attempt.sink][attempt.message].attempts.last {
                state.trace.attempts[index].end = now
                state.trace.attempts[index].failure = failure
            }
            if failure == nil {
                state.trace.passages[attempt.sink][attempt.message].place = state.places[attempt.sink]
                state.places[attempt.sink] += 1
            }
        }
    }

    func next(_ sink: Int, _ context: HandlerContext, _ next: ScenarioTrace.Next) {
        guard let message = indices[context.message.id] else { return }
        note { state in
            guard let index = state.trace.passages[sink][message].attempts.last else { return }
            switch (next, state.trace.attempts[index].next) {
            case (.handedBack, .retry(let delay)): state.trace.attempts[index].next = .handedBack(delay)
            case (.handedBack, _): break
            default: state.trace.attempts[index].next = next
            }
        }
    }

    /// The message has come to its end at the sink.
    func left(_ sink: Int, _ context: HandlerContext, as outcome: DeliveryOutcome) {
        guard let message = indices[context.message.id] else { return }
        let now = now
        let isLast = state.withLock { state in
            guard !state.isOver, state.trace.passages[sink][message].outcome == nil else { return false }
            state.trace.passages[sink][message].outcome = outcome
            state.trace.passages[sink][message].end = now
            state.open -= 1
            return state.open == 0
        }
        if isLast { isDone.occur() }
    }

    // MARK: The log

    func logged(_ text: String, message: MessageID?) {
        let now = now
        let message = message.flatMap { indices[$0] }
        note { $0.trace.notes.append(.init(time: now, message: message, text: text)) }
    }

    // MARK: The end

    /// Returns when every message has come to its end at every sink, or after so long.
    func waitForEnd(within limit: Duration) async {
        if state.withLock(\.open) == 0 { return }
        time.after(limit) { [isDone] in isDone.occur() }
        await isDone.wait()
    }

    /// What has happened; what happens from now on does not count.
    func finish() -> ScenarioTrace {
        let now = now
        return state.withLock { state in
            state.isOver = true
            state.trace.end = now
            return state.trace
        }
    }
}
