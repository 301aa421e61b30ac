import Logging
import Sluice
import SluiceKafka
import SluiceSQLite
import Synchronization

extension KafkaRedriveStore {
    /// How many places one record of dropped messages has: few enough for a record, wherever they lie.
    private static let placesOfADrop = 100_000
    /// How often the poison queue's group is brought up to what jobs have settled.
    private static let upkeep: Duration = .seconds(5)

    func poisoned() async throws -> [PoisonedMessage] {
        var found: [PoisonedMessage] = []
        try await readPoison { message, _ in
            found.append(message)
            return found.count < RedriveLimits.messages
        }
        return found.sorted { ($0.poisonedAt, $0.location) < ($1.poisonedAt, $1.location) }
    }

    /// Reads what nothing has settled, one partition after the other.
    /// - Parameters:
    ///   - start: where to begin; nil is the beginning.
    ///   - body: whether to go on.
    func readPoison(
        from start: RedrivePlace? = nil, _ body: (PoisonedMessage, LoggedMessage) throws -> Bool
    ) async throws {
        // Without the topic of jobs nothing can have been settled by them.
        if absence == nil { try await catchUp() }
        let settled = try await settledNow()
        try await poisonQueue.read(state.withLock(\.kept), settled: settled, from: start, body)
    }

    /// What the poison queue's group has settled, and what jobs have.
    func settledNow() async throws -> PlaceSet {
        let committed = try await poisonQueue.committed()
        return state.withLock { state in
            state.committed = committed
            return committed.union(state.kept.settled)
        }
    }

    /// How many messages of each partition nothing has settled, by few requests.
    func countPoisoned() async throws -> [Int32: Int64] {
        let settled = try await settledNow()
        return try await reader.bounds(of: poison).reduce(into: [:]) { counts, found in
            let (partition, bounds) = (found.key, found.value)
            let offsets = settled.partitions[partition] ?? OffsetSet()
            let first = max(bounds.lowerBound, offsets.through)
            let ahead = offsets.ranges.reduce(Int64(0)) { count, range in
                // Ranges count from 1.
                count + max(0, min(range.upperBound, bounds.upperBound) - max(range.lowerBound - 1, first))
            }
            counts[partition] = max(0, bounds.upperBound - first - ahead)
        }
    }

    func isSettled(_ place: RedrivePlace) -> Bool {
        state.withLock { $0.kept.settled.contains(place) || $0.committed.contains(place) }
    }

    /// Brings the poison queue's group up to date, by which other programs see what is left, and takes from the topic what has
    /// no meaning any more.
    func keepUp() async {
        await keepDelivered()
        let now = MonotonicTime.now()
        let isDue = state.withLock { state in
            guard state.isBehind, state.keptUp.duration(to: now) >= Self.upkeep else { return false }
            (state.keptUp, state.isBehind) = (now, false)
            return true
        }
        guard isDue, absence == nil else { return }
        do {
            let settled = try await settledNow()
            let committed = state.withLock(\.committed)
            let news = settled.partitions.filter { committed.partitions[$0.key] != $0.value }
            if !news.isEmpty {
                try await reader.commit(news.mapValues(KafkaSettled.init(places:)), of: poison, by: poisonQueue.group)
            }
            _ = try await settledNow()
            try await settleOrphans()
            let keys = state.withLock { $0.kept.keysToForget(committed: $0.committed) }
            if !keys.isEmpty { try await takeAway(keys) }
        } catch {
            // A person's consumer may be in the group; the topic of jobs says what is settled all the same.
            logger.debug("the group of the poison queue is behind", metadata: ["error": "\(error)"])
            state.withLock { $0.isBehind = true }
        }
    }

    /// What a worker has put back into the poison queue and has not counted, because it was interrupted, counts in no case while
    /// its job is known. It is let go before the job is forgotten.
    private func settleOrphans() async throws {
        let (kept, committed) = state.withLock { ($0.kept, $0.committed) }
        let jobs = kept.jobsToForget(committed: committed).filter(\.mayHaveOrphans)
        guard !jobs.isEmpty else { return }
        let tokens = Set(jobs.map(\.token))
        var orphans: [RedrivePlace] = []
        let settled = committed.union(kept.settled)
        for (partition, bounds) in try await reader.bounds(of: poison).sorted(by: { $0.key < $1.key }) {
            let first = max(bounds.lowerBound, settled.partitions[partition]?.through ?? 0)
            try await poisonQueue.read(poison, partition, first..<max(first, bounds.upperBound)) { found in
                for record in found {
                    let place = RedrivePlace(partition: partition, offset: record.offset)
                    guard
                        let step = record.message.metadata[RedriveMetadata.step].flatMap(KafkaRedriveStep.init),
                        tokens.contains(step.token), !settled.contains(place),
                        !kept.counts(record.message.metadata, at: place)
                    else { continue }
                    orphans.append(place)
                }
                return true
            }
        }
        guard !orphans.isEmpty else { return }
        try await publish([.drop(PlaceSet(orphans), token: Self.token())])
        state.withLock { $0.isBehind = true }
        try await catchUp()
    }
}

/// What commands do to it.
extension KafkaRedriveStore {
    func drop(_ messages: [PoisonedMessage], _ words: String, by: String) async throws {
        try await catchUp()
        let places = messages.map(\.location).sorted()
        for start in stride(from: 0, to: places.count, by: Self.placesOfADrop) {
            let part = PlaceSet(places[start..<min(start + Self.placesOfADrop, places.count)])
            try await publish([.drop(part, token: Self.token())])
        }
        try await publish([.act(RedriveAct("drop", by: by, words), token: Self.token())])
        state.withLock { $0.isBehind = true }
        try await catchUp()
    }

    func note(_ cause: String, _ text: String, by: String) async throws {
        try await catchUp()
        let note = PoisonNote(text: String(text.prefix(PoisonNote.longest)), by: by, at: .now())
        try await publish([
            .note(cause, note), .act(RedriveAct("note", by: by, "\(cause): \(note.text)"), token: Self.token()),
        ])
        try await catchUp()
    }

    func notes() async throws -> [String: PoisonNote] { state.withLock(\.kept.notes) }

    /// Puts a message into the poison queue that has failed again.
    func copy(_ message: Message, _ step: KafkaRedriveStep) async throws {
        var copy = message
        copy.metadata[RedriveMetadata.step] = step.text
        try await queue.publish([copy], to: poison)
    }
}
