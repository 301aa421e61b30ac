import Logging
import Sluice
import SluiceKafka
import SluiceSQLite

/// Reads Kafka's poison queue and the topic of jobs by places, without a group. It changes nothing.
struct KafkaPoisonQueue: Sendable {
    let configuration: GatewayConfiguration.Kafka
    let reader: KafkaTopics
    let topic: Topic
    /// The group by which other programs see what is left.
    let group: String

    init(_ configuration: GatewayConfiguration.Kafka, logger: Logger) throws {
        self.configuration = configuration
        topic = Topic(configuration.topic + "-poison")
        group = configuration.group(of: SQLiteQueue.poisonGroup)
        reader = try KafkaTopics(configuration.client, timeout: .seconds(10), readsRecords: true, logger: logger)
    }

    /// What the keys of this group's records on the topic of jobs begin with.
    var prefix: String { configuration.group + "/" }

    func close() async { await reader.close() }

    /// What the poison queue's group has settled.
    func committed() async throws -> PlaceSet {
        PlaceSet(partitions: try await reader.settled(of: topic, by: group).mapValues(\.settledPlaces))
    }

    /// Reads what nothing has settled, one partition after the other.
    /// - Parameters:
    ///   - kept: what jobs say.
    ///   - settled: by the group and by jobs.
    ///   - start: where to begin; nil is the beginning.
    ///   - body: whether to go on.
    func read(
        _ kept: KafkaRedriveState, settled: PlaceSet, from start: RedrivePlace? = nil,
        _ body: (PoisonedMessage, LoggedMessage) throws -> Bool
    ) async throws {
        for (partition, bounds) in try await reader.bounds(of: topic).sorted(by: { $0.key < $1.key })
        where partition >= start?.partition ?? 0 {
            var first = max(bounds.lowerBound, settled.partitions[partition]?.through ?? 0)
            if let start, start.partition == partition { first = max(first, start.offset) }
            var goesOn = true
            try await read(topic, partition, first..<max(first, bounds.upperBound)) { found in
                for record in found where goesOn {
                    let place = RedrivePlace(partition: partition, offset: record.offset)
                    guard !settled.contains(place), kept.counts(record.message.metadata, at: place) else { continue }
                    let logged = LoggedMessage(record)
                    goesOn = try body(PoisonedMessage(logged, partition: partition), logged)
                }
                return goesOn
            }
            guard goesOn else { return }
        }
    }

    /// What the topic of jobs says now; nothing where there is none.
    func jobs() async throws -> KafkaRedriveState {
        var kept = KafkaRedriveState()
        let topic = configuration.redriveTopic
        guard let bounds = try await reader.bounds(of: topic)[0] else { return kept }
        try await read(topic, 0, bounds) { found in
            for record in found { kept.take(record, prefix: prefix) }
            return true
        }
        return kept
    }

    /// Reads records, in batches.
    /// - Parameter body: whether to go on.
    func read(
        _ topic: Topic, _ partition: Int32, _ offsets: Range<Int64>, to body: ([KafkaTopics.Found]) async throws -> Bool
    ) async throws {
        var next = offsets.lowerBound
        while next < offsets.upperBound {
            let found = try await reader.records(
                of: topic, partition: partition, from: next, through: offsets.upperBound - 1)
            guard let last = found.last else { return }
            next = last.offset + 1
            guard try await body(found) else { return }
            try Task.checkCancellation()
        }
    }
}

extension KafkaRedriveState {
    fileprivate mutating func take(_ record: KafkaTopics.Found, prefix: String) {
        guard let key = record.key.map({ String(decoding: $0, as: UTF8.self) }), key.hasPrefix(prefix) else { return }
        take(key: String(key.dropFirst(prefix.count)), payload: record.message.payload, at: record.timestamp ?? .now())
    }
}

extension LoggedMessage {
    init(_ record: KafkaTopics.Found) {
        self.init(
            message: record.message, offset: record.offset, timestamp: record.timestamp ?? .now(), key: record.key)
    }
}
