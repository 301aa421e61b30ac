import Sluice

extension Snapshot.Verdict {
    /// Says in one line how the gateway is. Every problem is a line of `/readyz`, so that both agree.
    /// - Parameter snapshot: everything but its verdict.
    init(_ readiness: Readiness, _ snapshot: Snapshot) {
        let isDraining = readiness.reasons.contains(Readiness.draining)
        problems = readiness.reasons.map { Snapshot.Problem($0, .error, snapshot) }
        problems += readiness.notes.map { Snapshot.Problem($0, nil, snapshot) }.graveFirst
        isReady = readiness.reasons.isEmpty
        let isDegraded = problems.contains { $0.severity == .warning }
        level = isDraining ? .draining : !isReady ? .notReady : isDegraded ? .degraded : .well
        text = Self.text(level, problems, snapshot)
    }

    private static func text(_ level: Snapshot.Level, _ problems: [Snapshot.Problem], _ snapshot: Snapshot) -> String {
        let grave = problems.filter { $0.severity != .notice }
        if level == .draining { return "what is in hand is finished, and then it ends" }
        guard let first = grave.first else {
            let waiting = snapshot.sinks.reduce(Int64(0)) { $0.addingSaturated($1.lag) }
            return "all is well: " + (waiting == 0 ? "nothing waits" : "\(waiting.messages) on the way")
        }
        let more = grave.count - 1
        return first.text + (more == 0 ? "" : " (and \(more) more)")
    }
}

extension Readiness {
    static let draining = "draining"
}

extension Int64 {
    var messages: String { "\(self) \(self == 1 ? "message" : "messages")" }
}

extension [Snapshot.Problem] {
    /// What keeps messages from being delivered comes first, and of that what keeps the most; else as they came.
    fileprivate var graveFirst: [Snapshot.Problem] {
        let ranks = enumerated().map { index, problem in
            (rank: problem.severity == .warning ? 0 : 1, waiting: -(problem.waiting ?? 0), index)
        }
        return ranks.sorted { $0 < $1 }.map { self[$0.2] }
    }
}

extension Snapshot.Problem {
    /// - Parameters:
    ///   - line: a line of `/readyz`, which begins with the name of what it is about.
    ///   - severity: nil to find it out.
    init(_ line: String, _ severity: Snapshot.Severity?, _ snapshot: Snapshot) {
        text = line
        let name = line.firstRange(of: ": ").map { String(line[..<$0.lowerBound]) } ?? ""
        self.severity = severity ?? .notice
        let isUnreachable = line.hasPrefix("\(name): \(SinkTrouble.unreachable)")
        let isPaused = line.hasPrefix("\(name): \(SinkPause.beginning)")
        if !isUnreachable, !isPaused,
            let destination = snapshot.destinations.first(where: { $0.name == name && $0.note != nil })
        {
            let sinks = snapshot.sinks.filter { $0.destination == name }
            subject = sinks.count == 1 ? "sinks.\(sinks[0].name)" : "destinations.\(name)"
            self.severity = severity ?? .warning
            since = destination.failingSince
            until = destination.nextAttempt
            waiting = max(destination.waiting, sinks.reduce(0) { $0.addingSaturated($1.lag) })
            remedy = Snapshot.Remedy(destination, sinks)
        } else if let sink = snapshot.sinks.first(where: {
            $0.name == name || $0.group == name || ReaderPart.pushesGroup(of: $0.group) == name
        }) {
            subject = "sinks.\(sink.name)"
            self.severity = severity ?? .warning
            waiting = sink.lag
            let destination = snapshot.destinations.first { $0.name == sink.destination }
            since = destination?.failingSince
            until = destination?.nextAttempt
            if isPaused {
                remedy = .init(text: "A person has paused it.", command: "sluice resume \(sink.name)")
            } else if isUnreachable {
                remedy = Snapshot.Remedy(addressOf: [sink], "It cannot be reached: look at its address.")
            }
        } else if let source = snapshot.sources.first(where: { $0.paths.contains(name) }) {
            subject = "sources.\(source.name)"
            if source.isUnsigned {
                remedy = .init(
                    text: "Give it a secret, so that it can tell its senders from others.",
                    key: source.missingSecret ?? "sources.\(source.name)", origin: "built-in")
            }
        } else if let source = snapshot.sources.first(where: { $0.name == name || $0.routes.contains(name) }) {
            subject = "sources.\(source.name)"
            self.severity = severity ?? .warning
        } else if name == snapshot.queue.kind {
            subject = "queue"
            self.severity = severity ?? .warning
        } else if name == snapshot.poison.topic {
            subject = "poison"
            self.severity = severity ?? .warning
            since = snapshot.poison.oldest
            waiting = snapshot.poison.messages
        } else if name == "configuration" {
            self.severity = severity ?? .warning
        } else if name == RedriveDesk.noteName, line.contains(RedriveDesk.stoppedWords) {
            self.severity = severity ?? .warning
        }
    }
}

extension Snapshot.Remedy {
    /// What mends a destination that nothing is sent to, or that fails.
    fileprivate init?(_ destination: Snapshot.Destination, _ sinks: [Snapshot.Sink]) {
        let name = destination.name
        switch destination.shutBy {
        case "retry_after":
            self.init(
                "It asks for fewer requests: a lower rate keeps it from asking.",
                "destinations.\(name).throttle.rate", destination.policy)
        case "held":
            self.init(addressOf: sinks, "It refuses everything: look at its address and its credentials.")
        case "breaker":
            let isForced = destination.shutReason == Destination.Status.forced
            self.init(
                isForced
                    ? "A person has forced it open."
                    : "The other side fails, which no line mends; this one tries at once.",
                "destinations.\(name).breaker.force", destination.policy)
            suggestion = isForced ? "auto" : "closed"
        default:
            guard destination.waitingForBudget > 0 else {
                self.init(text: "The other side fails; its last failure says how.")
                return
            }
            self.init(
                "The other side fails, and the retry budget paces what is tried again.",
                "destinations.\(name).budget.ratio", destination.policy)
        }
    }

    /// The line that says where a sink is.
    fileprivate init(addressOf sinks: [Snapshot.Sink], _ text: String) {
        let value = sinks.first?.policy.first { Self.isAddress($0.key) }
        self.init(
            text: text, key: value?.key ?? sinks.first.map { "sinks.\($0.name)" }, value: value?.value,
            origin: value?.origin ?? "built-in")
    }

    private init(_ text: String, _ key: String, _ policy: [Snapshot.Value]) {
        let value = policy.first { $0.key == key }
        self.init(text: text, key: key, value: value?.value, origin: value?.origin ?? "built-in")
    }

    /// Whether it says where a sink is, or who we are there.
    private static func isAddress(_ key: String) -> Bool {
        ["url", "webhook", "token"].contains { key.hasSuffix(".\($0)") }
    }
}
