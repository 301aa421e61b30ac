import Sluice

/// The messages that one cause has poisoned.
struct PoisonGroup: Sendable, Equatable {
    let cause: PoisonCause
    private(set) var count = 0
    private(set) var first: Timestamp
    private(set) var last: Timestamp
    /// The oldest of them.
    let sample: PoisonedMessage
    /// The most that one of them has come back.
    private(set) var rounds: Int64 = 0
    /// How many are only a part of their message.
    private(set) var truncated = 0
    /// What a person has noted.
    var note: PoisonNote?
    /// What they wait for, in words.
    var waitsFor = ""

    /// The largest first, with what is known about them.
    /// - Parameters:
    ///   - messages: oldest first.
    ///   - jobs: also those that have ended.
    ///   - notes: by the keys of causes.
    static func grouped(
        _ messages: [PoisonedMessage], _ jobs: [RedriveRecord], _ notes: [String: PoisonNote]
    ) -> [PoisonGroup] {
        let open = jobs.filter { !$0.progress.state.isFinal }
        var groups = grouped(messages)
        for index in groups.indices {
            groups[index].note = notes[groups[index].cause.key]
            groups[index].explain(open)
        }
        return groups
    }

    private init(_ message: PoisonedMessage) {
        cause = message.cause
        sample = message
        (first, last) = (message.poisonedAt, message.poisonedAt)
    }

    /// The largest first.
    /// - Parameter messages: oldest first.
    static func grouped(_ messages: [PoisonedMessage]) -> [PoisonGroup] {
        var groups: [PoisonCause: PoisonGroup] = [:]
        for message in messages {
            groups[message.cause, default: PoisonGroup(message)].add(message)
        }
        return groups.values.sorted { ($1.count, $0.sample.offset) < ($0.count, $1.sample.offset) }
    }

    private mutating func add(_ message: PoisonedMessage) {
        count += 1
        first = min(first, message.poisonedAt)
        last = max(last, message.poisonedAt)
        rounds = max(rounds, message.rounds)
        if message.truncatedFrom != nil { truncated += 1 }
    }

    /// Says what they wait for.
    /// - Parameter jobs: what is known of those that have not ended.
    mutating func explain(_ jobs: [RedriveRecord]) {
        let jobs = jobs.filter { $0.job.kind == .retry && $0.job.causes.contains(cause.key) }
        if let record = jobs.first(where: { $0.progress.state == .running }) ?? jobs.first {
            waitsFor = "job \(record.job.id) (\(record.progress.state.rawValue)) puts them back"
        } else if truncated == count {
            waitsFor = "a person: only parts of the messages are here; `sluice poison drop --cause \(cause.key)`"
        } else if rounds >= RedriveLimits.rounds {
            waitsFor =
                "a person: they have come back \(rounds) times; `sluice poison retry --cause \(cause.key) --force`"
        } else {
            waitsFor = "a person: mend it, then `sluice poison retry --cause \(cause.key)`"
        }
    }

    func write(_ json: inout JSONWriter) {
        json.member("cause", cause.key)
        json.member("route", cause.route)
        json.member("reason", cause.reason)
        json.member("count", Int64(count))
        json.member("first", RFC3339.format(first))
        json.member("last", RFC3339.format(last))
        json.member("rounds", rounds)
        json.member("truncated", Int64(truncated))
        json.member("waits_for", waitsFor)
        if let note {
            json.name("note")
            json.object(note.write)
        }
        json.name("sample")
        json.object { json in
            if let partition = sample.partition { json.member("partition", Int64(partition)) }
            json.member("offset", sample.offset)
            json.member("id", sample.id)
            json.member("reason", sample.reason)
            json.member("event", ifPresent: sample.event)
            if let attempts = sample.attempts { json.member("attempts", attempts) }
        }
    }
}
