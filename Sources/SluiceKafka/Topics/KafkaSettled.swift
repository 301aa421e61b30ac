import CRDKafka
package import Sluice

/// What a group has committed of a partition: the offsets that it has settled, also out of order.
package struct KafkaSettled: Sendable, Equatable {
    private static let noteStart = "note:"

    /// By offset.
    private var places: SettledOffsets
    /// What a commit says besides, for groups that nothing reads. At most 16 characters of a-z.
    package var note: String

    fileprivate init(_ places: SettledOffsets, note: String) {
        self.places = places
        self.note = note
    }

    /// Nothing at all.
    package init() {
        self.init(SettledOffsets(settled: OffsetSet(), deliveredThrough: 0), note: "")
    }

    /// - Parameter places: what is settled: an offset's place is 1 more.
    package init(places: OffsetSet) {
        let last = places.ranges.last?.upperBound ?? places.through
        self.init(SettledOffsets(settled: places, deliveredThrough: last), note: "")
    }

    /// The places that are settled.
    package var settledPlaces: OffsetSet { places.settled }

    init(offset: Int64, metadata: String) {
        guard metadata.hasPrefix(Self.noteStart), let end = metadata.firstIndex(of: ";") else {
            self.init(SettledOffsets(offset: offset, metadata: metadata), note: "")
            return
        }
        self.init(
            SettledOffsets(offset: offset, metadata: String(metadata[metadata.index(after: end)...])),
            note: String(metadata[..<end].dropFirst(Self.noteStart.count)))
    }

    var offset: Int64 { places.settled.through }

    var metadata: String {
        let start = note.isEmpty ? "" : "\(Self.noteStart)\(note);"
        return start + places.metadata(limit: SettledOffsets.metadataLimit - start.utf8.count)
    }

    package func contains(_ offset: Int64) -> Bool { places.settled.contains(offset.addingSaturated(1)) }

    package func union(_ other: KafkaSettled) -> KafkaSettled {
        KafkaSettled(
            SettledOffsets(
                settled: places.settled.union(other.places.settled),
                deliveredThrough: max(places.deliveredThrough, other.places.deliveredThrough)), note: "")
    }

    package func intersection(_ other: KafkaSettled) -> KafkaSettled {
        KafkaSettled(
            SettledOffsets(
                settled: places.settled.intersection(other.places.settled),
                deliveredThrough: max(places.deliveredThrough, other.places.deliveredThrough)), note: "")
    }

    package func noted(_ note: String) -> KafkaSettled { KafkaSettled(places, note: note) }

    /// Whether the same is settled.
    package func isLike(_ other: KafkaSettled) -> Bool { places.settled == other.places.settled }

    /// The same by offsets, where the others count places.
    package var offsets: OffsetSet {
        let settled = places.settled
        var ranges: [ClosedRange<Int64>] = []
        for range in settled.ranges { ranges.append(range.lowerBound - 1...range.upperBound - 1) }
        return OffsetSet(through: settled.through - 1, ranges: ranges)
    }
}

extension KafkaTopics {
    /// What the group has settled of each partition; those of which it has committed nothing are not in it.
    /// - Throws: `ConfigurationError` for a group without a name; ``KafkaError``, also when the brokers do not answer in time.
    package func settled(of topic: Topic, by group: String) async throws -> [Int32: KafkaSettled] {
        try Self.check(group)
        try topic.validateForKafka()
        return try await perform { call throws(KafkaError) in
            guard let partitions = try call.partitions(of: topic.name), !partitions.isEmpty else { return [:] }
            return try call.settled(by: group, topic.name, partitions)
        }
    }

    /// Commits for a group without members.
    /// - Throws: `ConfigurationError` for a group without a name; ``KafkaError``: one that ``KafkaError/saysThatTheGroupHasMembers``
    ///   when it is read.
    package func commit(_ settled: [Int32: KafkaSettled], of topic: Topic, by group: String) async throws {
        try Self.check(group)
        try topic.validateForKafka()
        guard !settled.isEmpty else { return }
        try await perform { call throws(KafkaError) in
            let list = PartitionList(capacity: settled.count)
            for (partition, settled) in settled.sorted(by: { $0.key < $1.key }) {
                list.append(topic.name, partition, offset: settled.offset, metadata: settled.metadata)
            }
            try call.commit(list, of: group)
        }
    }
}

extension AdminCall {
    fileprivate func settled(
        by group: String, _ topic: String, _ partitions: [Int32]
    ) throws(KafkaError) -> [Int32: KafkaSettled] {
        try committed(by: group, topic, partitions, none: [:]) { (list) throws(KafkaError) in
            var settled: [Int32: KafkaSettled] = [:]
            for element in UnsafeBufferPointer(start: list.pointee.elems, count: Int(list.pointee.cnt)) {
                try check(element.err)
                guard element.offset >= 0 else { continue }
                let bytes = UnsafeRawBufferPointer(start: element.metadata, count: element.metadata_size)
                settled[element.partition] = KafkaSettled(
                    offset: element.offset, metadata: String(decoding: bytes, as: UTF8.self))
            }
            return settled
        }
    }
}

extension KafkaSettled {
    /// One offset alone.
    package static func only(_ offset: Int64) -> KafkaSettled {
        var settled = OffsetSet()
        let place = offset.addingSaturated(1)
        settled.insert(place...place)
        return KafkaSettled(SettledOffsets(settled: settled, deliveredThrough: place), note: "")
    }
}

extension KafkaError {
    /// Whether the user may not read the group.
    package var saysThatTheGroupIsForbidden: Bool { code.native == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED }
}
