import Sluice

/// What a sink and its destination say now, for those that wait for them.
struct SinkOutlook: Sendable {
    /// A person has paused it.
    var pause: SinkPause?
    var destination: Destination.Status?
    /// Whether a gateway runs that could attempt anything.
    var isRunning = true
}

extension StoryPart {
    /// Says what it waits for, and until when.
    mutating func explain(_ outlook: SinkOutlook) {
        guard !state.isFinal, state != .unknown else { return }
        var found: [Wait] = []
        if !outlook.isRunning { found.append(Wait(what: "gateway", words: "no gateway runs on the data directory")) }
        if let pause = outlook.pause {
            found.append(
                Wait(what: "pause", words: "the sink is \(pause.words); `sluice resume \(sink ?? route)` lets it go on")
            )
        }
        if let status = outlook.destination { found += Self.waits(for: status, state) }
        waits = found + waits
        if waits.isEmpty, state == .inHand {
            waits = [Wait(what: "attempt", words: "an attempt is under way, or its next one follows within seconds")]
        }
    }

    private static func waits(for status: Destination.Status, _ state: State) -> [Wait] {
        var waits: [Wait] = []
        if let shut = status.shut {
            let words =
                switch shut.why {
                case .held: "\(status.name) is held: \(shut.reason)"
                case .retryAfter: "\(status.name) is shut: it answered \(shut.reason)"
                case .breaker:
                    shut.reason == Destination.Status.forced
                        ? "the breaker of \(status.name) is forced open"
                        : "the breaker of \(status.name) is open: attempts fail (\(shut.reason))"
                }
            waits.append(Wait(what: shut.why.rawValue, until: status.nextAttempt, words: words))
        } else if status.waitingForBudget > 0, state != .queued {
            waits.append(
                Wait(
                    what: "budget", until: status.nextAttempt,
                    words: "the retry budget of \(status.name) is used up; \(status.waitingForBudget) stand in line"))
        }
        if status.waitingForThrottle > 0 {
            waits.append(
                Wait(
                    what: "throttle", until: nil,
                    words: "\(status.waitingForThrottle) wait for their turn at the throttle of \(status.name)"))
        }
        if status.waitingForSlot > 0 {
            waits.append(
                Wait(
                    what: "concurrency", until: nil,
                    words: "\(status.name) has no free slot; \(status.waitingForSlot) wait for one"))
        }
        return waits
    }
}
