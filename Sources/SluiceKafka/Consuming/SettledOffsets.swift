import FoundationEssentials
import Sluice

/// What a group has settled in a partition, as a commit says it: the offset holds the contiguous prefix, the metadata
/// what was settled beyond it.
///
/// The metadata is `s1:` and base64 of LEB128 numbers: how far beyond the offset was delivered, then pairs of distances:
/// from the end of one settled range to the next one's beginning, and to its end. Commits of other clients have other
/// metadata, or none: then everything after their offset is read.
struct SettledOffsets: Equatable {
    /// In places: a record's place is its offset + 1.
    var settled: OffsetSet
    /// Places up to this one have been delivered at least once.
    var deliveredThrough: Int64

    /// What Kafka allows in `offset.metadata.max.bytes`, unless the brokers' configuration says otherwise.
    static let metadataLimit = 4_096
    private static let prefix = "s1:"
    /// No offset is larger: the arithmetic on places cannot overflow.
    static let largestOffset = OffsetSet.limit - 1

    init(settled: OffsetSet, deliveredThrough: Int64) {
        self.settled = settled
        self.deliveredThrough = deliveredThrough
    }

    /// Reads a commit; what cannot be read of its metadata is read again from the log.
    init(offset: Int64, metadata: String) {
        let through = min(max(0, offset), Self.largestOffset)
        self.init(settled: OffsetSet(through: through), deliveredThrough: through)
        guard metadata.hasPrefix(Self.prefix), let data = Data(base64Encoded: String(metadata.dropFirst(3))) else {
            return
        }
        Array(data).withUnsafeBytes { bytes in
            var position = 0
            guard let distance = VariableInteger.read(bytes, &position) else { return }
            deliveredThrough = Self.add(through, distance) ?? through
            settled = OffsetSet(through: through, ahead: UnsafeRawBufferPointer(rebasing: bytes[position...]))
        }
    }

    /// The commit's metadata, at most `limit` bytes long. Where the ranges do not fit, the last ones are left out: they
    /// are delivered again after a restart.
    func metadata(limit: Int = metadataLimit) -> String {
        guard deliveredThrough > settled.through || !settled.ranges.isEmpty else { return "" }
        let room = Self.room(in: limit)
        var bytes: [UInt8] = []
        VariableInteger.append(UInt64(max(0, deliveredThrough - settled.through)), to: &bytes)
        guard bytes.count <= room else { return "" }
        bytes += settled.encodeAhead(limit: room - bytes.count)
        return Self.prefix + Data(bytes).base64EncodedString()
    }

    /// How many bytes of numbers metadata of this length hold: four characters hold three.
    static func room(in limit: Int) -> Int { max(0, limit - prefix.utf8.count) / 4 * 3 }

    private static func add(_ place: Int64, _ distance: UInt64) -> Int64? {
        guard distance <= UInt64(largestOffset), place + Int64(distance) <= largestOffset else { return nil }
        return place + Int64(distance)
    }
}
