import Sluice

extension TopView {
    /// Everything of the box that is open.
    func details(_ columns: Int) -> [Line] {
        guard let snapshot, let box = boxes.first(where: { $0.id == marked }) else { return [] }
        var lines = [Line(text: box.id, style: .head)]
        for problem in snapshot.verdict.problems where problem.subject == box.id {
            let words = problem.text.replacingUnsafeCharacters()
            lines += TextWrap.lines(words, width: columns, indent: 2).map { Line(text: $0, style: .warning) }
            lines += StatusText.details(of: problem, snapshot.time, columns).map { Line(text: $0, style: .faint) }
        }
        switch box {
        case .source(let source): lines += details(of: source)
        case .queue(let queue): lines += details(of: queue)
        case .sink(let sink):
            lines += details(of: sink, snapshot.time)
            if let destination = snapshot.destinations.first(where: { $0.name == sink.destination }) {
                lines += [Line(text: ""), Line(text: "destination \(destination.name)", style: .head)]
                lines += details(of: destination, snapshot.time)
                lines += policy(sink.policy + destination.policy, columns)
            } else {
                lines += policy(sink.policy, columns)
            }
        }
        return lines
    }

    private func pairs(_ pairs: [(String, String?)]) -> [Line] {
        pairs.compactMap { name, value in
            guard let value, !value.isEmpty else { return nil }
            return Line(text: "  " + name + String(repeating: " ", count: max(1, 18 - name.count)) + value)
        }
    }

    private func flow(_ flow: Snapshot.Flow) -> [(String, String?)] {
        [
            ("rate", StatusWords.rate(flow.perSecond)), ("total", "\(flow.total)"),
            ("last hour", Sparkline.text(flow.minutes, width: 60)),
        ]
    }

    private func details(of source: Snapshot.Source) -> [Line] {
        pairs(
            [("kind", source.kind), ("state", source.state.words), ("note", source.note)] + flow(source.flow) + [
                ("paths", source.paths.joined(separator: ", ")), ("routes", source.routes.joined(separator: ", ")),
                ("unsigned", source.isUnsigned ? "takes requests without a secret" : nil),
                ("refused", StatusWords.counts(source.refused)),
            ])
    }

    private func details(of queue: Snapshot.Queue) -> [Line] {
        pairs(
            [("kind", queue.kind), ("state", queue.state.words), ("failure", queue.failure)] + flow(queue.flow) + [
                ("size", queue.bytes.map(StatusWords.bytes)), ("disk free", queue.diskFree.map(StatusWords.bytes)),
            ])
    }

    private func details(of sink: Snapshot.Sink, _ now: Timestamp) -> [Line] {
        pairs(
            [("kind", sink.kind), ("state", sink.state.words), ("note", sink.note)] + flow(sink.flow) + [
                ("outcomes", StatusWords.counts(sink.outcomes)),
                ("in flight", "\(sink.inFlight) of \(sink.inFlightLimit)"), ("waiting", "\(sink.lag)"),
                ("oldest", sink.oldest.map { "\(StatusWords.distance($0, now)) ago" }),
                ("empty in", sink.emptyBy.map { StatusWords.distance($0, now) }), ("group", sink.group),
            ])
    }

    private func details(of destination: Snapshot.Destination, _ now: Timestamp) -> [Line] {
        let waits = [
            ("next attempt", destination.waiting), ("budget", destination.waitingForBudget),
            ("throttle", destination.waitingForThrottle), ("a slot", destination.waitingForConcurrency),
        ].filter { $0.1 > 0 }.map { "\($0.1) for the \($0.0)" }.joined(separator: ", ")
        let failure = destination.lastFailure.map {
            "\(StatusWords.distance($0.time, now)) ago: \($0.reason): \($0.description)"
        }
        let throttle = destination.permitsPerSecond.map { permits in
            "\(StatusWords.rate(permits)), \(Int64(saturating: (destination.throttleUse ?? 0) * 100)) % used"
        }
        let concurrency = destination.concurrencyLimit.map { "\(destination.concurrency ?? 0) of \($0) at once" }
        return pairs([
            ("state", destination.state.words), ("note", destination.note),
            ("shut by", destination.shutBy.map { "\($0), \(destination.shutReason ?? "")" }),
            ("failing since", destination.failingSince.map { StatusWords.clock($0, now) }),
            (
                "asked again",
                destination.nextAttempt.map { "\(StatusWords.clock($0, now)), in \(StatusWords.distance($0, now))" }
            ),
            ("waiting", waits), ("breaker", destination.breaker),
            ("budget left", "\(Int64(saturating: destination.budgetRemaining * 100)) %"), ("throttle", throttle),
            ("concurrency", concurrency), ("attempts", StatusWords.counts(destination.attempts)),
            ("amplification", destination.amplification.map(StatusWords.short)),
            ("last success", destination.lastSuccess.map { "\(StatusWords.distance($0, now)) ago" }),
            ("last failure", failure),
        ])
            + destination.failures.map { cause in
                Line(text: "    \(cause.reason): \(cause.count), last \(StatusWords.distance(cause.last, now)) ago")
            }
    }

    /// The values that are in force, and where each comes from.
    private func policy(_ values: [Snapshot.Value], _ columns: Int) -> [Line] {
        var table = TextTable(["POLICY", "VALUE", "FROM", "CHANGE"])
        for value in values { table.add([value.key, value.value, value.origin, value.change]) }
        let rows = table.lines(width: columns)
        return [Line(text: "")] + rows.enumerated().map { Line(text: $1, style: $0 == 0 ? .head : .plain) }
    }
}
