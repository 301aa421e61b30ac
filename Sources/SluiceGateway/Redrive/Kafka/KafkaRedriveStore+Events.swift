import Sluice
import SluiceKafka
import SluiceSQLite

extension KafkaRedriveStore {
    func stretch(from: Timestamp?, until: Timestamp?) async throws -> [Int32: RedriveStretch] {
        let starts = try await offsets(at: from)
        let ends = try await offsets(at: until)
        var stretches: [Int32: RedriveStretch] = [:]
        for (partition, bounds) in try await reader.bounds(of: events) where !bounds.isEmpty {
            var stretch = RedriveStretch(after: bounds.lowerBound - 1, through: bounds.upperBound - 1)
            if let end = ends?[partition] { stretch.through = min(stretch.through, end - 1) }
            if let from {
                if let start = starts?[partition] {
                    stretch.after = max(stretch.after, start - 1)
                } else if try await isOlder(partition, bounds, than: from) {
                    continue
                }
            }
            if stretch.after < stretch.through { stretches[partition] = stretch }
        }
        return stretches
    }

    private func offsets(at time: Timestamp?) async throws -> [Int32: Int64]? {
        guard let time else { return nil }
        return try await reader.offsets(of: events, at: time)
    }

    /// Not every cluster finds records by their time. One that says that there are none is not believed where the last one is
    /// younger.
    private func isOlder(_ partition: Int32, _ bounds: Range<Int64>, than time: Timestamp) async throws -> Bool {
        let last = try await reader.records(
            of: events, partition: partition, from: bounds.upperBound - 1, through: bounds.upperBound - 1)
        return last.last?.timestamp.map { $0 < time } ?? true
    }

    func readEvents(of job: RedriveJob, to body: (Int32, [LoggedMessage]) async throws -> Void) async throws {
        // What other gateways have delivered.
        try await catchUp()
        for (partition, stretch) in job.stretches.sorted(by: { $0.key < $1.key }) {
            let offsets = stretch.after + 1..<max(stretch.after, stretch.through) + 1
            try await poisonQueue.read(events, partition, offsets) { found in
                try await body(partition, found.map(LoggedMessage.init).filter { job.isInTime($0.timestamp) })
                return true
            }
        }
    }
}

extension RedriveJob {
    /// Whether the queue took an event in the time that a replay is about.
    func isInTime(_ time: Timestamp) -> Bool {
        (from.map { time >= $0 } ?? true) && (until.map { time < $0 } ?? true)
    }
}

/// The messages of a retry that are left, out of Kafka's poison queue.
struct KafkaRetrySource: RedriveSource {
    /// How far apart messages may lie that are read together.
    private static let reach: Int64 = 1_000

    let job: RedriveJob
    private let store: KafkaRedriveStore
    private let order: [RedrivePlace]
    private var index: Int
    /// What was read ahead.
    private var ahead: [RedrivePlace: LoggedMessage] = [:]

    init(_ record: RedriveRecord, _ store: KafkaRedriveStore) async throws {
        job = record.job
        self.store = store
        order = job.order
        index = Int(clamping: record.progress.handled)
        _ = try await store.settledNow()
    }

    mutating func advance() {
        if index < order.count { ahead[order[index]] = nil }
        index += 1
    }

    mutating func next() async throws -> RedriveNext {
        guard index < order.count else { return .end }
        let place = order[index]
        let step = RedriveStep(place: place, index: Int64(index))
        // A person may have let it go meanwhile.
        guard !store.isSettled(place) else { return .gone(step) }
        if ahead[place] == nil { try await readAhead(from: place) }
        guard let logged = ahead[place] else { return .gone(step) }
        // A replay may have delivered it meanwhile, by another gateway.
        if let event = logged.message.metadata.eventPlace(in: store.events), store.isDelivered(event, by: job.lane) {
            return .gone(step)
        }
        return .deliver(
            RedriveEntry(
                step: step, timestamp: logged.timestamp, message: PoisonedMessage.restored(logged.message),
                poisoned: logged.message.metadata, isForced: false))
    }

    /// Reads the message, and those of the job that lie close behind it.
    private mutating func readAhead(from place: RedrivePlace) async throws {
        var last = place.offset
        for next in order[index...].dropFirst() {
            guard next.partition == place.partition, next.offset > last, next.offset - place.offset < Self.reach else {
                break
            }
            last = next.offset
        }
        ahead = [:]
        let found = try await store.reader.records(
            of: store.poison, partition: place.partition, from: place.offset, through: last)
        for record in found {
            let place = RedrivePlace(partition: place.partition, offset: record.offset)
            if job.selected.contains(place) { ahead[place] = LoggedMessage(record) }
        }
    }
}

/// The events of a replay that are left, out of Kafka: of the partitions' next ones the oldest.
struct KafkaReplaySource: RedriveSource {
    let job: RedriveJob
    private let store: KafkaRedriveStore
    private let filter: EventFilter?
    private var index: Int64
    private var stretches: [Int32: RedriveStretch]
    /// What was read ahead of each partition.
    private var ahead: [Int32: ArraySlice<LoggedMessage>] = [:]
    private var last: Int32?

    private static let batch = 500

    init(_ record: RedriveRecord, _ store: KafkaRedriveStore) throws {
        job = record.job
        self.store = store
        filter = job.only.isEmpty ? nil : try EventFilter(words: job.only)
        index = record.progress.handled
        stretches = job.stretches
        for (partition, offset) in record.progress.cursor {
            guard var stretch = stretches[partition] else { continue }
            stretch.after = max(stretch.after, offset)
            stretches[partition] = stretch
        }
    }

    mutating func advance() {
        index += 1
        if let last { ahead[last] = ahead[last]?.dropFirst() }
        last = nil
    }

    mutating func next() async throws -> RedriveNext {
        for partition in stretches.keys.sorted() { try await fill(partition) }
        let heads = ahead.compactMapValues(\.first)
        guard let (partition, logged) = heads.min(by: { ($0.value.timestamp, $0.key) < ($1.value.timestamp, $1.key) })
        else { return .end }
        last = partition
        let step = RedriveStep(place: RedrivePlace(partition: partition, offset: logged.offset), index: index)
        // What this gateway alone knows of its route recognises.
        if job.skipsDelivered, store.isDelivered(step.place, by: job.lane) { return .gone(step) }
        return .deliver(
            RedriveEntry(
                step: step, timestamp: logged.timestamp,
                message: job.sent(logged.message), poisoned: Metadata(), isForced: !job.skipsDelivered))
    }

    /// Reads on until an event is there that the job is about.
    private mutating func fill(_ partition: Int32) async throws {
        while ahead[partition]?.isEmpty ?? true, let stretch = stretches[partition] {
            guard stretch.after < stretch.through else { return }
            let found = try await store.reader.records(
                of: store.events, partition: partition, from: stretch.after + 1, through: stretch.through,
                limit: Self.batch)
            stretches[partition]?.after = found.last?.offset ?? stretch.through
            ahead[partition] =
                found.map(LoggedMessage.init)
                .filter { job.isInTime($0.timestamp) && RedriveJob.wants($0.message, filter) }[...]
        }
    }
}
