import Sluice

/// One figure that was expected, and what it is.
struct ScenarioCheck: Sendable {
    /// Such as `attempts at grafana`.
    let name: String
    let place: YAMLValue.Place
    let expected: String
    let actual: String
    let isMet: Bool
    /// The messages, from 0, that show best what is wrong.
    var culprits: [Int] = []
    /// When that is, where it is a moment.
    var moment: Duration?
}

extension ScenarioTrace {
    /// What of the trace an expectation is about.
    struct Scope {
        let trace: ScenarioTrace
        let expectation: Expectation

        func has(_ sink: Int, _ message: Int) -> Bool {
            hasSink(sink) && hasMessage(message)
        }

        func hasSink(_ sink: Int) -> Bool {
            if let wanted = expectation.sink, wanted.value != trace.sinks[sink] { return false }
            if let wanted = expectation.destination, wanted.value != trace.destinations[sink] { return false }
            return true
        }

        func hasMessage(_ message: Int) -> Bool {
            if let key = expectation.key, trace.messages[message].key != key { return false }
            return expectation.messages?.contains(trace.messages[message]) ?? true
        }

        /// Every message at every sink that it is about, where the sink wants it.
        var passages: [(sink: Int, message: Int, passage: Passage)] {
            trace.passages.indices.filter(hasSink).flatMap { sink in
                trace.passages[sink].indices.filter(hasMessage).map { (sink, $0, trace.passages[sink][$0]) }
            }.filter { $0.2.outcome != .filtered }
        }

        var attempts: [Attempt] {
            trace.attempts.filter { attempt in
                if let from = expectation.from, attempt.start < from { return false }
                if let to = expectation.to, attempt.start >= to { return false }
                return has(attempt.sink, attempt.message)
            }
        }
    }

    /// How a scenario's expectations have come out, in their order.
    func checks(_ expectations: [Expectation]) -> [ScenarioCheck] {
        expectations.flatMap { Scope(trace: self, expectation: $0).checks }
    }
}

extension ScenarioTrace.Scope {
    fileprivate var checks: [ScenarioCheck] {
        let all: [ScenarioCheck?] = [attemptsCheck, amplificationCheck, deliveredCheck, waitingCheck, poisonedCheck]
        return all.compactMap(\.self) + waitChecks + [orderCheck, doubledCheck].compactMap(\.self)
    }

    private func check(
        _ name: String, _ expected: String, _ actual: String, _ isMet: Bool, _ culprits: [Int] = [],
        at moment: Duration? = nil
    ) -> ScenarioCheck {
        ScenarioCheck(
            name: name + expectation.scope, place: expectation.place, expected: expected, actual: actual, isMet: isMet,
            culprits: isMet ? [] : Array(culprits.prefix(Self.shownCulprits)), moment: moment)
    }

    private static var shownCulprits: Int { 3 }

    private var attemptsCheck: ScenarioCheck? {
        guard let bound = expectation.attempts else { return nil }
        let attempts = attempts
        return check(
            "attempts", bound.words, NumberText.grouped(attempts.count), bound.contains(attempts.count),
            mostAttempted(attempts), at: expectation.from)
    }

    private var amplificationCheck: ScenarioCheck? {
        guard let bound = expectation.amplification else { return nil }
        let attempts = attempts
        let distinct = Set(attempts.map { [$0.sink, $0.message] }).count
        let ratio = distinct == 0 ? 0 : Double(attempts.count) / Double(distinct)
        return check(
            "amplification", bound.words, NumberText.short(ratio), bound.contains(ratio), mostAttempted(attempts))
    }

    /// The messages with the most attempts come first.
    private func mostAttempted(_ attempts: [ScenarioTrace.Attempt]) -> [Int] {
        var counts: [Int: Int] = [:]
        for attempt in attempts { counts[attempt.message, default: 0] += 1 }
        return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
    }

    private var deliveredCheck: ScenarioCheck? {
        guard let delivered = expectation.delivered else { return nil }
        let passages = passages
        let late = passages.filter { _, _, passage in
            guard passage.isDelivered, let end = passage.end else { return true }
            return expectation.by.map { end > $0 } ?? false
        }
        let count = passages.count - late.count
        let name = "delivered" + (expectation.by.map { " by \(DurationText.write($0))" } ?? "")
        switch delivered {
        case .all:
            let all = NumberText.grouped(passages.count)
            return check(
                name, "all \(all)", "\(NumberText.grouped(count)) of \(all)", late.isEmpty, late.map(\.message),
                at: expectation.by)
        case .count(let bound):
            return check(
                name, bound.words, NumberText.grouped(count), bound.contains(count), late.map(\.message),
                at: expectation.by)
        }
    }

    private var waitingCheck: ScenarioCheck? {
        guard let bound = expectation.waiting else { return nil }
        let moment = expectation.at ?? trace.end
        let waiting = passages.filter { _, _, passage in
            guard let arrival = passage.arrival, arrival <= moment else { return false }
            return passage.end.map { $0 > moment } ?? true
        }
        return check(
            "waiting" + (expectation.at.map { " at \(DurationText.write($0))" } ?? " at the end"), bound.words,
            NumberText.grouped(waiting.count), bound.contains(waiting.count), waiting.map(\.message), at: moment)
    }

    private var poisonedCheck: ScenarioCheck? {
        guard let expected = expectation.poisoned else { return nil }
        let poisoned = passages.filter { $0.passage.outcome == .poisoned }.map(\.message)
        let shown = list(poisoned)
        switch expected {
        case .nothing: return check("poisoned", "none", shown, poisoned.isEmpty, poisoned)
        case .count(let bound):
            return check(
                "poisoned", bound.words, NumberText.grouped(poisoned.count), bound.contains(poisoned.count), poisoned)
        case .messages(let set):
            let wanted = trace.messages.indices.filter { hasMessage($0) && set.contains(trace.messages[$0]) }
            let wrong = Set(wanted).symmetricDifference(poisoned).sorted()
            return check("poisoned", list(wanted), shown, wrong.isEmpty, wrong)
        }
    }

    private func list(_ messages: [Int]) -> String {
        guard !messages.isEmpty else { return "none" }
        let labels = messages.prefix(10).map { trace.messages[$0].label }
        return labels.joined(separator: ", ")
            + (messages.count > labels.count ? " and \(NumberText.grouped(messages.count - labels.count)) more" : "")
    }

    private var waitChecks: [ScenarioCheck] {
        let bounds = expectation.waits.all
        guard !bounds.isEmpty else { return [] }
        let waits = passages.compactMap { _, message, passage in
            passage.arrival.map { (wait: (passage.end ?? trace.end) - $0, message: message) }
        }.sorted { ($0.wait, $0.message) < ($1.wait, $1.message) }
        return bounds.map { name, share, bound in
            guard !waits.isEmpty else { return check("waits \(name)", bound.words, "nothing came", false) }
            let value =
                share.map { waits[ScenarioFigures.rank($0, of: waits.count)].wait }
                ?? waits.reduce(Duration.zero) { $0 + $1.wait } / waits.count
            return check(
                "waits \(name)", bound.words, DurationText.exact(value), bound.contains(value),
                waits.reversed().map(\.message))
        }
    }

    private var orderCheck: ScenarioCheck? {
        guard let order = expectation.order else { return nil }
        for sink in trace.passages.indices where hasSink(sink) {
            // Where the sink promises no order it breaks none.
            guard order != .kept || trace.orders[sink] != .none else { continue }
            let isPerKey = order == .perKey || (order == .kept && trace.orders[sink] == .perKey)
            let delivered = trace.passages[sink].indices.filter {
                hasMessage($0) && trace.passages[sink][$0].place != nil
            }
            .sorted { (trace.passages[sink][$0].place ?? 0) < (trace.passages[sink][$1].place ?? 0) }
            var last: [String: Int] = [:]
            for message in delivered {
                let isPush = trace.messages[message].kind == .commitPushed
                let part = order == .kept && trace.orders[sink] == .parts && isPush ? "pushes" : ""
                let key = isPerKey ? trace.messages[message].key : part
                if let before = last[key], before > message {
                    return check(
                        "order", order.rawValue,
                        "\(trace.messages[message].label) after \(trace.messages[before].label) at \(trace.sinks[sink])",
                        false,
                        [message, before])
                }
                last[key] = message
            }
        }
        return check("order", order.rawValue, order.rawValue, true)
    }

    private var doubledCheck: ScenarioCheck? {
        guard let bound = expectation.doubled else { return nil }
        let doubled = passages.filter { $0.passage.taken > 1 }.map(\.message)
        return check(
            "doubled", bound.words, NumberText.grouped(doubled.count), bound.contains(doubled.count), doubled)
    }
}
