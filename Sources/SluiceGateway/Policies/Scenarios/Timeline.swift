import Sluice

/// What happened in a scenario, as lines for a person.
struct Timeline: Sendable {
    private struct Line {
        let time: Duration
        let message: Int?
        let text: String
    }

    private let trace: ScenarioTrace
    private let lines: [Line]

    init(_ trace: ScenarioTrace) {
        self.trace = trace
        let hasSeveral = trace.sinks.count > 1
        var lines: [Line] = []
        for (message, arrival) in (trace.passages.first ?? []).enumerated().map({ ($0, $1.arrival) }) {
            guard let arrival else { continue }
            lines.append(Line(time: arrival, message: message, text: "comes (\(trace.messages[message].key))"))
        }
        for attempt in trace.attempts {
            lines.append(
                Line(
                    time: attempt.start, message: attempt.message,
                    text: (hasSeveral ? "\(trace.sinks[attempt.sink]): " : "") + Self.text(of: attempt)))
        }
        for (sink, passages) in trace.passages.enumerated() {
            for (message, passage) in passages.enumerated() {
                let name = hasSeveral ? "\(trace.sinks[sink]): " : ""
                if let end = passage.end, let outcome = passage.outcome {
                    // A delivery is told by its attempt.
                    if outcome != .acked {
                        lines.append(Line(time: end, message: message, text: name + outcome.rawValue))
                    }
                } else if let arrival = passage.arrival {
                    let wait = DurationText.short(trace.end - arrival)
                    lines.append(
                        Line(time: trace.end, message: message, text: name + "still waits at the end, after \(wait)"))
                }
            }
        }
        lines += trace.notes.map { Line(time: $0.time, message: nil, text: "-- \($0.text)") }
        // Those of one moment keep their order: a message comes, is attempted, and ends.
        self.lines = lines.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
            .map(\.element)
    }

    var count: Int { lines.count }

    /// Every line.
    var text: String { rendered(lines) }

    /// The lines of some messages, and what concerns all, without their middle where they are many.
    /// - Parameters:
    ///   - messages: none is all.
    ///   - moment: a line of this time is among them.
    func excerpt(of messages: [Int], around moment: Duration?, limit: Int) -> String {
        let wanted = Set(messages)
        let chosen = lines.filter { line in line.message.map { wanted.isEmpty || wanted.contains($0) } ?? true }
        guard chosen.count > limit else { return rendered(chosen) }
        let middle = moment.map { moment in chosen.firstIndex { $0.time >= moment } ?? chosen.count }
        var ranges = [0..<limit * 2 / 3, chosen.count - limit / 3..<chosen.count]
        if let middle, middle > limit / 3 {
            let start = min(max(limit / 4, middle - limit / 4), chosen.count - limit / 2)
            ranges = [0..<limit / 4, start..<start + limit / 2, chosen.count - limit / 4..<chosen.count]
        }
        var text = ""
        var next = 0
        for range in ranges where range.upperBound > next {
            let start = max(range.lowerBound, next)
            if start > next {
                text += "    … \(NumberText.grouped(start - next)) lines left out; --verbose prints them\n"
            }
            text += rendered(Array(chosen[start..<range.upperBound]))
            next = range.upperBound
        }
        return text
    }

    private func rendered(_ lines: [Line]) -> String {
        let width = lines.compactMap { $0.message.map { trace.messages[$0].label.count } }.max() ?? 0
        return lines.map { line in
            let label = line.message.map { trace.messages[$0].label } ?? ""
            let padding = String(repeating: " ", count: max(0, width - label.count))
            return "    \(DurationText.clock(line.time))  \(label)\(padding)  \(line.text)\n"
        }.joined()
    }

    // MARK: Attempts

    private static func text(of attempt: ScenarioTrace.Attempt) -> String {
        var text = "attempt \(attempt.number)"
        let waited = waits(attempt.waited)
        if !waited.isEmpty { text += " after \(waited)" }
        text += ": " + (attempt.answers.isEmpty ? "" : attempt.answers.joined(separator: ", then "))
        guard let end = attempt.end else { return text + (attempt.answers.isEmpty ? "under way" : "") }
        let duration = end - attempt.start
        if let failure = attempt.failure {
            if attempt.answers.isEmpty { text += failure } else if isNews(failure, attempt) { text += " (\(failure))" }
        } else {
            text += attempt.answers.isEmpty ? "delivered" : ", delivered"
        }
        if duration > .zero { text += " in \(DurationText.short(duration))" }
        switch attempt.next {
        case .nothing: break
        case .retry(let delay): text += "; again in \(DurationText.short(delay))"
        case .handedBack(let delay): text += "; handed back, again in \(DurationText.short(delay))"
        case .rejected(isExhausted: true): text += "; attempts used up, rejected"
        case .rejected(isExhausted: false): text += "; no time or budget for another attempt, rejected"
        }
        return text
    }

    /// Whether the reason says more than the answer: `http_503` does not.
    private static func isNews(_ failure: String, _ attempt: ScenarioTrace.Attempt) -> Bool {
        // Behind the method of a search.
        guard let last = attempt.answers.last?.split(separator: " ").drop(while: { $0 == "GET" }).joined(separator: " ")
        else { return true }
        return failure != last && !last.hasPrefix(failure.dropFirst("http_".count))
            && !(failure == "timeout" && last == "no answer")
    }

    /// What a message has waited for, the longest first: `30s (back-off 29.5s, throttle 500ms)`.
    private static func waits(_ waited: ScenarioTrace.Waited) -> String {
        guard waited.all >= .milliseconds(1) else { return "" }
        let parts = [
            ("back-off", waited.backoff), ("breaker", waited.breaker), ("throttle", waited.throttle),
            ("its turn", waited.concurrency), ("behind others", waited.queue),
        ].filter { $0.1 >= .milliseconds(1) }
        guard parts.count > 1 else {
            return "\(DurationText.short(waited.all))" + (parts.first.map { " (\($0.0))" } ?? "")
        }
        let words = parts.sorted { $0.1 > $1.1 }.map { "\($0.0) \(DurationText.short($0.1))" }
        return "\(DurationText.short(waited.all)) (\(words.joined(separator: ", ")))"
    }
}
