import Sluice
import SluiceHTTP
import Synchronization

/// A destination that answers by its script, in the scenario's time.
final class ScriptedDestination: Sendable {
    private struct State {
        /// How many attempts each rule has answered.
        var used: [Int]
        /// Requests that it may take now, and when that was worked out.
        var tokens: Double
        var last: MonotonicTime
        /// The messages that it has taken.
        var taken: Set<Int> = []
    }

    private let name: String
    private let script: DestinationScript
    private let messages: [ScenarioMessage]
    private let time: RouterTime
    /// When the gateway's client gives up.
    private let patience: Duration
    private let start: MonotonicTime
    private let seats: Seats?
    private let onAnswer: @Sendable (AttemptInHand, String, _ isTaken: Bool) -> Void
    private let state: Mutex<State>

    /// - Parameter onAnswer: is told what was answered in the end, and whether the message was taken.
    init(
        _ name: String, _ script: DestinationScript, messages: [ScenarioMessage], patience: Duration, time: RouterTime,
        onAnswer: @escaping @Sendable (AttemptInHand, String, Bool) -> Void
    ) {
        self.name = name
        self.script = script
        self.messages = messages
        self.time = time
        self.patience = patience
        self.onAnswer = onAnswer
        start = time.now
        seats = script.capacity.atOnce.map(Seats.init)
        state = Mutex(
            State(
                used: Array(repeating: 0, count: script.rules.count), tokens: Double(script.capacity.burst),
                last: time.now))
    }

    /// Answers a request of the attempt that is in hand.
    func answer(_ request: HTTPClient.Request, of attempt: AttemptInHand) async throws -> HTTPClient.Response {
        let answer = choose(for: messages[attempt.message])
        let asked = time.now
        try await seats?.take()
        defer { seats?.giveBack() }
        let waited = asked.duration(to: time.now)
        let latency = DurationDraw.between(answer.latency.from, answer.latency.to, time)
        let isLate = answer.error == .timeout || waited + latency > patience
        try await time.sleep(for: isLate ? max(.zero, patience - waited) : latency)
        let isTaken = answer.isSuccess && request.method == "POST"
        // A search that precedes a post is told apart.
        let prefix = request.method == "POST" ? "" : "\(request.method) "
        if isLate {
            // It may have been processed all the same.
            if answer.error == nil, isTaken { take(attempt) }
            onAnswer(attempt, prefix + "no answer", isTaken && answer.error == nil)
            throw HTTPClientError(.timeout, target: name, outcomeUnknown: true)
        }
        if let error = answer.error {
            onAnswer(attempt, prefix + error.rawValue, false)
            throw HTTPClientError(error.code, target: name, outcomeUnknown: error == .connectionReset)
        }
        let response = response(answer, request, attempt)
        if isTaken { take(attempt) }
        var words = "\(prefix)\(response.status)"
        if let delay = answer.retryAfter { words += " Retry-After \(DurationText.write(delay))" }
        onAnswer(attempt, words, isTaken)
        return response
    }

    private func take(_ attempt: AttemptInHand) {
        state.withLock { _ = $0.taken.insert(attempt.message) }
    }

    private func choose(for message: ScenarioMessage) -> DestinationScript.Answer {
        let now = time.now
        let elapsed = start.duration(to: now)
        return state.withLock { state in
            for (index, rule) in script.rules.enumerated() where rule.fits(message, elapsed) {
                if let times = rule.times, state.used[index] >= times { continue }
                state.used[index] += 1
                return rule.answer
            }
            guard let rate = script.capacity.rate else { return script.usual }
            let seconds = Double(now.nanoseconds(since: state.last)) / 1e9
            state.tokens = min(Double(script.capacity.burst), state.tokens + seconds * rate)
            state.last = now
            // A sum of many small parts may be a hair below a whole number.
            guard state.tokens >= 1 - 1e-9 else { return script.capacity.beyond }
            state.tokens -= 1
            return script.usual
        }
    }

    private func response(
        _ answer: DestinationScript.Answer, _ request: HTTPClient.Request, _ attempt: AttemptInHand
    ) -> HTTPClient.Response {
        let refusal = attempt.kind.refusal
        let status = answer.isPoison ? refusal.status : answer.status
        let isTaken = state.withLock { $0.taken.contains(attempt.message) }
        var body = answer.isPoison ? refusal.body : ""
        if answer.isSuccess {
            body = attempt.kind.success(
                .init(method: request.method, message: attempt.envelope, isTaken: isTaken))
        }
        if let scripted = answer.body { body = scripted }
        var headers = HTTPClient.Headers()
        if let delay = answer.retryAfter {
            headers = .init(["Retry-After": NumberText.short(Double(DurationText.nanoseconds(delay)) / 1e9)])
        }
        return HTTPClient.Response(status: status, headers: headers, body: Array(body.utf8), target: name)
    }
}

extension DestinationScript.Answer {
    fileprivate var isSuccess: Bool { error == nil && !isPoison && (200..<300).contains(status) }
}

extension DestinationScript.Rule {
    fileprivate func fits(_ message: ScenarioMessage, _ time: Duration) -> Bool {
        if let from, time < from { return false }
        if let to, time >= to { return false }
        if let key, message.key != key { return false }
        return messages?.contains(message) ?? true
    }
}

extension DestinationScript.Fault {
    fileprivate var code: HTTPClientError.Code {
        switch self {
        case .connectFailed: .connectFailed
        case .dnsFailed: .dnsFailed
        case .tlsFailed: .tlsFailed
        case .connectionReset: .connectionReset
        case .timeout: .timeout
        }
    }
}

enum DurationDraw {
    static func between(_ from: Duration, _ to: Duration, _ time: RouterTime) -> Duration {
        from == to ? from : from + (to - from) * time.random(in: 0...1)
    }
}
