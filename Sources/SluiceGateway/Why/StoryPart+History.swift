import Sluice
import SluiceSQLite

/// What the journal and the queue say of a message and one route, put together.
extension StoryPart {
    /// So many attempts are told of: the newest.
    static let mostAttempts = 100

    /// - Parameters:
    ///   - entries: of this message and route, in the order of time.
    ///   - places: where its positions are for the route; none where that is not known.
    init(_ route: String, _ entries: [JournalEntry], _ places: [SQLiteMessagePlace]) {
        self.init(route: route)
        destination = entries.last?.destination
        var before: JournalEntry?
        for entry in entries {
            guard entry.code.isAttempt else {
                ends.append(End(time: entry.time, code: entry.code))
                continue
            }
            attempts.append(
                Attempt(
                    time: entry.time, number: entry.attempt, code: entry.code, reason: entry.reason,
                    retryAfter: entry.retryAfter, duration: entry.duration, waits: Self.waits(of: entry, after: before),
                    isAgain: entry.isAgain)
            )
            before = entry
        }
        reason = attempts.last.flatMap { $0.code.isSuccess ? nil : $0.reason }
        settle(places)
        attemptsLeftOut = max(0, attempts.count - Self.mostAttempts)
        attempts.removeFirst(attemptsLeftOut)
        ends.removeFirst(max(0, ends.count - Self.mostAttempts))
    }

    /// What an attempt waited for: the journal has the waits of its delivery since it arrived.
    private static func waits(
        of entry: JournalEntry, after before: JournalEntry?
    ) -> [(stage: String, microseconds: Int64)] {
        var own = entry.waits
        var queue = max(0, entry.arrival - entry.waits.all)
        // Otherwise its source has delivered it again, and all its waits are new.
        if let before, entry.isOfSameDelivery(as: before) {
            own.throttle -= before.waits.throttle
            own.breaker -= before.waits.breaker
            own.concurrency -= before.waits.concurrency
            own.backoff -= before.waits.backoff
            queue = 0
        }
        return [
            ("queue", queue), ("throttle", own.throttle), ("breaker", own.breaker), ("concurrency", own.concurrency),
            ("backoff", own.backoff),
        ].filter { $0.1 > 0 }
    }

    // MARK: What it has come to

    private mutating func settle(_ places: [SQLiteMessagePlace]) {
        // What comes after a success is recognised as a duplicate.
        if let success = attempts.first(where: \.code.isSuccess) {
            (state, since, reason) = (.delivered, success.time, nil)
            return
        }
        if let place = places.first(where: { $0.kind != .settled }) { return goOn(place) }
        let final = ends.last { State(ending: $0.code) != nil }
        if let final, let ending = State(ending: final.code) {
            (state, since) = (ending, final.time)
        } else if places.isEmpty {
            // Nothing but the journal is known.
            state = attempts.isEmpty ? .unknown : .inHand
            since = attempts.last?.time
        } else {
            state = .passedOver
        }
    }

    private mutating func goOn(_ place: SQLiteMessagePlace) {
        since = attempts.last?.time
        state =
            switch place.kind {
            // In line within its route.
            case .inFlight where attempts.isEmpty && place.progress == nil: .queued
            case .inFlight: .inHand
            case .waiting: .waiting
            case .putAside: .putAside
            default: .queued
            }
        if let due = place.due, state == .inHand || state == .waiting {
            waits.append(Wait(what: "backoff", until: due, words: "its next attempt is due"))
        }
        if place.kind == .putAside {
            waits.append(Wait(what: "order", words: "an earlier message of its key is not delivered yet"))
        }
        if state == .queued {
            let words = place.ahead == 1 ? "1 message is before it" : "\(place.ahead) messages are before it"
            waits.append(
                Wait(what: "turn", words: place.ahead > 0 ? words : "it is next, or its first attempt is under way"))
        }
    }
}

extension StoryPart.State {
    /// What a delivery's end means for good; nil for one after which it is delivered again.
    init?(ending code: JournalCode) {
        switch code.word {
        case "acked": self = .passedOver
        case "poisoned": self = .poisoned
        case "discarded": self = .discarded
        case "deduplicated": self = .deduplicated
        case "filtered": self = .filtered
        default: return nil
        }
    }
}

extension JournalEntry {
    fileprivate func isOfSameDelivery(as before: JournalEntry) -> Bool {
        attempt > before.attempt && arrival >= before.arrival && waits.throttle >= before.waits.throttle
            && waits.breaker >= before.waits.breaker && waits.concurrency >= before.waits.concurrency
            && waits.backoff >= before.waits.backoff
    }
}
