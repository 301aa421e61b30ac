import Sluice

/// The snapshot as text: what `curl` gets of the status page, and what `sluice status` prints.
public struct StatusText: Sendable {
    private let snapshot: Snapshot
    private let width: Int
    private let colours: Colours

    /// - Parameters:
    ///   - snapshot: what is shown.
    ///   - width: of a line, in columns. At least 40; default 100.
    ///   - colours: default: none.
    public init(_ snapshot: Snapshot, width: Int = 100, colours: Colours = .none) {
        self.snapshot = snapshot
        self.colours = colours
        self.width = max(40, width)
    }

    public var text: String {
        let tables = [sources, queue, sinks, destinations, poison, jobs, deployments]
        let parts = [verdict] + tables.filter { !$0.isEmpty } + [foot]
        return parts.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
    }

    private var now: Timestamp { snapshot.time }

    // MARK: What is wrong

    private var verdict: [String] {
        var lines = Self.verdict(snapshot, width)
        let word = snapshot.verdict.level.words.uppercased()
        // Coloured once the lines are as long as they are shown.
        if let first = lines.first, first.hasPrefix(word) {
            lines[0] = colours.paint(word, snapshot.verdict.level.tone) + first.dropFirst(word.count)
        }
        return lines
    }

    /// The first line, what can be done, and every other problem.
    static func verdict(_ snapshot: Snapshot, _ width: Int) -> [String] {
        let verdict = snapshot.verdict
        var lines = TextWrap.lines("\(verdict.level.words.uppercased()): \(verdict.text)".safe, width: width)
        for problem in verdict.problems {
            // The first line has said what the gravest one is.
            let isSaid = problem == verdict.problems.first && verdict.text.hasPrefix(problem.text)
            if !isSaid {
                lines += TextWrap.lines("\(problem.severity.rawValue): \(problem.text)".safe, width: width, indent: 2)
            }
            lines += details(of: problem, snapshot.time, width)
        }
        return lines
    }

    /// Since when, and what can be done.
    static func details(of problem: Snapshot.Problem, _ now: Timestamp, _ width: Int) -> [String] {
        var lines: [String] = []
        if let since = problem.since {
            lines.append("    since \(StatusWords.clock(since, now)), \(StatusWords.distance(since, now))")
        }
        if let remedy = problem.remedy {
            lines += TextWrap.lines(words(of: remedy).safe, width: width, indent: 4)
        }
        return lines
    }

    private static func words(of remedy: Snapshot.Remedy) -> String {
        var words = remedy.text
        if let key = remedy.key {
            words += " \(key)"
            if let value = remedy.value { words += " is \(value)" }
            if let origin = remedy.origin { words += " (\(origin))" }
        }
        if let command = remedy.command { words += " `\(command)`" }
        return words
    }

    // MARK: The flow

    private var sources: [String] {
        var table = TextTable(["SOURCE", "KIND", "STATE", "RATE>", "TOTAL>", "REFUSED"])
        for source in snapshot.sources {
            table.add([
                source.name, source.kind, source.state.words, StatusWords.rate(source.flow.perSecond),
                StatusWords.count(source.flow.total), StatusWords.counts(source.refused),
            ])
        }
        return snapshot.sources.isEmpty ? [] : table.lines(width: width)
    }

    private var queue: [String] {
        let queue = snapshot.queue
        var table = TextTable(["QUEUE", "KIND", "STATE", "RATE>", "TOTAL>", "SIZE>", "FREE>"])
        table.add([
            queue.topic, queue.kind, queue.state.words, StatusWords.rate(queue.flow.perSecond),
            StatusWords.count(queue.flow.total), queue.bytes.map(StatusWords.bytes) ?? "",
            queue.diskFree.map(StatusWords.bytes) ?? "",
        ])
        return table.lines(width: width)
    }

    private var sinks: [String] {
        var table = TextTable([
            "SINK", "KIND", "STATE", "RATE>", "TOTAL>", "WAIT>", "OLDEST>", "IN FLIGHT>", "EMPTY IN>",
        ])
        for sink in snapshot.sinks {
            table.add([
                sink.name, sink.kind, sink.state.words, StatusWords.rate(sink.flow.perSecond),
                StatusWords.count(sink.flow.total), StatusWords.count(sink.lag),
                sink.oldest.map { StatusWords.distance($0, now) } ?? "", "\(sink.inFlight)/\(sink.inFlightLimit)",
                sink.emptyBy.map { StatusWords.distance($0, now) } ?? "",
            ])
        }
        return table.lines(width: width)
    }

    private var destinations: [String] {
        var table = TextTable([
            "DESTINATION", "STATE", "NEXT", "BUDGET>", "THROTTLE>", "AMPLIF.>", "SUCCESS>", "FAILURES",
        ])
        for destination in snapshot.destinations {
            table.add([
                destination.name, destination.state.words,
                destination.nextAttempt.map { "in \(StatusWords.distance($0, now))" } ?? "",
                "\(Int64(saturating: destination.budgetRemaining * 100)) %",
                destination.throttleUse.map { "\(Int64(saturating: $0 * 100)) %" } ?? "",
                destination.amplification.map(StatusWords.short) ?? "",
                destination.lastSuccess.map { "\(StatusWords.distance($0, now)) ago" } ?? "",
                destination.failures.prefix(3).map { "\($0.reason) \(StatusWords.count($0.count))" }
                    .joined(separator: ", "),
            ])
        }
        return snapshot.destinations.isEmpty ? [] : table.lines(width: width)
    }

    // MARK: The rest

    private var poison: [String] {
        guard snapshot.poison.messages > 0 || !snapshot.poison.causes.isEmpty else { return [] }
        var table = TextTable(["POISONED SINCE THE START", "REASON", "COUNT>"])
        for cause in snapshot.poison.causes.prefix(10) {
            table.add([cause.route, cause.reason, StatusWords.count(cause.count)])
        }
        return table.lines(width: width)
            + ["\(snapshot.poison.messages.messages) in \(snapshot.poison.topic) that were not looked at".safe]
    }

    private var jobs: [String] {
        guard let jobs = snapshot.jobs, !jobs.isEmpty else { return [] }
        var table = TextTable(["JOB", "KIND", "TO", "STATE", "DELIVERED>", "FAILED>", "LEFT>", "WHY"])
        for job in jobs.prefix(10) {
            table.add([
                "\(job.id)", job.kind, job.to, job.state, StatusWords.count(job.delivered),
                StatusWords.count(job.failed), StatusWords.count(job.left), job.why ?? "",
            ])
        }
        return table.lines(width: width)
    }

    private var deployments: [String] {
        guard !snapshot.deployments.isEmpty else { return [] }
        var table = TextTable(["SERVICE", "ENVIRONMENT", "COMMIT", "WHEN>", ""])
        for deployment in snapshot.deployments.prefix(10) {
            let isOnlyHere = deployment.isInProduction == false ? "not in production" : ""
            table.add([
                deployment.service, deployment.environment, String(deployment.commit.prefix(12)),
                "\(StatusWords.distance(deployment.time, now)) ago", deployment.succeeded ? isOnlyHere : "failed",
            ])
        }
        return table.lines(width: width)
    }

    private var foot: [String] {
        let configuration = snapshot.configuration
        return [
            "sluice \(snapshot.build.version), up \(StatusWords.distance(snapshot.build.started, now)); configuration: "
                + "\(configuration.file ?? "the environment"), ".safe
                + "in force since \(StatusWords.clock(configuration.loaded, now))"
        ]
    }
}

extension String {
    /// Fit for a terminal: what came from outside cannot move its cursor.
    fileprivate var safe: String { replacingUnsafeCharacters() }
}

extension Snapshot.Level {
    fileprivate var tone: Colours.Tone {
        switch self {
        case .well: .good
        case .notReady: .bad
        default: .warning
        }
    }
}
