import Foundation
import Sluice

/// Where a message lies: in a partition of Kafka's, or in the only one that the log has.
struct RedrivePlace: Sendable, Hashable, Comparable, CustomStringConvertible {
    var partition: Int32 = 0
    var offset: Int64

    static func < (a: RedrivePlace, b: RedrivePlace) -> Bool { (a.partition, a.offset) < (b.partition, b.offset) }

    var description: String { "\(partition):\(offset)" }
}

/// Places, in few bytes where they lie side by side.
struct PlaceSet: Sendable, Equatable {
    /// By offset + 1, since the empty set goes through 0.
    private(set) var partitions: [Int32: OffsetSet] = [:]

    init() {}

    /// - Parameter partitions: by offset + 1.
    init(partitions: [Int32: OffsetSet]) {
        self.partitions = partitions.filter { $0.value != OffsetSet() }
    }

    init(_ places: some Sequence<RedrivePlace>) {
        self.init()
        insert(places)
    }

    var isEmpty: Bool { partitions.isEmpty }

    var count: Int64 {
        partitions.values.reduce(0) { $0.addingSaturated(max(0, $1.through)).addingSaturated($1.countAhead) }
    }

    func contains(_ place: RedrivePlace) -> Bool {
        place.offset >= 0 && place.offset < OffsetSet.limit - 1
            && partitions[place.partition]?.contains(place.offset + 1) == true
    }

    /// What no set can hold is left out: an offset below 0, or beyond all limits.
    mutating func insert(_ places: some Sequence<RedrivePlace>) {
        let ascending = places.filter { $0.offset >= 0 && $0.offset < OffsetSet.limit - 2 }.sorted()
        for run in ascending.chunked(by: \.partition) {
            guard let partition = run.first?.partition else { continue }
            partitions[partition, default: OffsetSet()].insert(ascending: run.map { $0.offset + 1 })
        }
    }

    mutating func form(unionWith other: PlaceSet) {
        for (partition, offsets) in other.partitions {
            partitions[partition] = partitions[partition].map { $0.union(offsets) } ?? offsets
        }
    }

    func union(_ other: PlaceSet) -> PlaceSet {
        var union = self
        union.form(unionWith: other)
        return union
    }

    /// Whether all of this is in the other.
    func isSubset(of other: PlaceSet) -> Bool {
        partitions.allSatisfy { partition, offsets in
            guard let others = other.partitions[partition] else { return false }
            return others.union(offsets) == others
        }
    }

    /// All of them, one partition after the other: at most so many.
    func places(upTo limit: Int) -> [RedrivePlace] {
        var found: [RedrivePlace] = []
        for (partition, offsets) in partitions.sorted(by: { $0.key < $1.key }) {
            for range in (offsets.through > 0 ? [1...offsets.through] : []) + offsets.ranges {
                for place in range {
                    guard found.count < limit else { return found }
                    found.append(RedrivePlace(partition: partition, offset: place - 1))
                }
            }
        }
        return found
    }

    /// The same in several, each of so many ranges at most.
    func parts(ofRanges count: Int) -> [PlaceSet] {
        var parts: [PlaceSet] = []
        for (partition, offsets) in partitions.sorted(by: { $0.key < $1.key }) {
            var rest = ((offsets.through > 0 ? [1...offsets.through] : []) + offsets.ranges)[...]
            while !rest.isEmpty {
                var part = OffsetSet()
                part.insert(Array(rest.prefix(count)))
                parts.append(PlaceSet(partitions: [partition: part]))
                rest = rest.dropFirst(count)
            }
        }
        return parts
    }

    // MARK: As it is kept

    func write(_ json: inout JSONWriter) {
        json.array { json in
            for (partition, offsets) in partitions.sorted(by: { $0.key < $1.key }) {
                json.object { json in
                    json.member("partition", Int64(partition))
                    json.member("through", offsets.through)
                    json.member("ahead", Data(offsets.encodeAhead()).base64EncodedString())
                }
            }
        }
    }

    /// Alone.
    var encoded: [UInt8] {
        JSONWriter.object { json in
            json.name("places")
            write(&json)
        }
    }

    /// Reads what ``encoded`` wrote; nil for what cannot be read.
    static func decode(_ bytes: [UInt8]) -> PlaceSet? {
        var places: PlaceSet?
        do {
            try JSONReader.read(bytes) { (reader) throws(JSONError) in
                try reader.fields { (reader) throws(JSONError) in
                    if reader.isAt("places") { places = try PlaceSet.read(&reader) }
                }
            }
        } catch {
            return nil
        }
        return places
    }

    static func read(_ reader: inout JSONReader) throws(JSONError) -> PlaceSet {
        var partitions: [Int32: OffsetSet] = [:]
        try reader.array { (reader) throws(JSONError) in
            var (partition, through): (Int64, Int64) = (0, 0)
            var ahead: [UInt8] = []
            try reader.fields { (reader) throws(JSONError) in
                try reader.field("partition", &partition)
                if reader.isAt("through") { through = max(0, try reader.boundedInteger() ?? 0) }
                if reader.isAt("ahead") { ahead = Data(base64Encoded: try reader.string()).map { [UInt8]($0) } ?? [] }
            }
            guard let partition = Int32(exactly: partition), partition >= 0 else { return }
            partitions[partition] = ahead.withUnsafeBytes { OffsetSet(through: through, ahead: $0) }
        }
        return PlaceSet(partitions: partitions)
    }
}

/// A stretch of a partition's events, the end included.
struct RedriveStretch: Sendable, Equatable {
    var after: Int64
    var through: Int64
}

extension Array {
    /// Consecutive elements that have the same value.
    fileprivate func chunked<Value: Equatable>(by value: (Element) -> Value) -> [ArraySlice<Element>] {
        var chunks: [ArraySlice<Element>] = []
        var start = startIndex
        for index in indices.dropFirst() where value(self[index]) != value(self[start]) {
            chunks.append(self[start..<index])
            start = index
        }
        if start < endIndex { chunks.append(self[start..<endIndex]) }
        return chunks
    }
}
