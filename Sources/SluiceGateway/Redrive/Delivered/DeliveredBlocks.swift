import Sluice

/// Which events sinks have delivered, as records on the topic of jobs say: each gateway writes its own, and all count.
struct DeliveredBlocks: Sendable {
    /// Which block of which sink's.
    struct ID: Sendable, Hashable {
        /// The group of the sink's first route.
        var route: String
        var partition: Int32
        var number: Int64
    }

    private struct Entry {
        var block: DeliveredBlock
        /// The gateways that have written of it, the one that did so last at the end.
        var writers: [String]
    }

    private var entries: [ID: Entry] = [:]

    subscript(id: ID) -> DeliveredBlock? { entries[id]?.block }

    func contains(_ place: RedrivePlace, by route: String) -> Bool {
        guard let id = ID(route, place) else { return false }
        return entries[id]?.block.contains(place.offset) ?? false
    }

    mutating func take(_ block: DeliveredBlock, _ id: ID, from writer: String) {
        guard entries[id] != nil else { return entries[id] = Entry(block: block, writers: [writer]) }
        entries[id]?.block.form(unionWith: block)
        entries[id]?.writers.removeAll { $0 == writer }
        entries[id]?.writers.append(writer)
    }

    /// What a gateway wrote has gone. What others wrote of the same events stays.
    mutating func forget(_ id: ID, from writer: String) {
        entries[id]?.writers.removeAll { $0 == writer }
        if entries[id]?.writers.isEmpty == true { entries[id] = nil }
    }

    /// Keys of records that say nothing any more: the queue does not have their events, they are the oldest of too many, or
    /// many gateways have written of the same events after them. Each of those has written what it had read.
    /// - Parameters:
    ///   - bounds: the events of each partition that the queue has; without those of which that is not known.
    ///   - limit: how many blocks of a route stay.
    ///   - writers: how many records of a block stay.
    func keysToForget(
        outside bounds: [Int32: Range<Int64>], limit: Int = RedriveLimits.deliveredBlocks,
        writers: Int = RedriveLimits.deliveredWriters
    ) -> [String] {
        var gone = Set(entries.keys.filter { !$0.isAmong(bounds) })
        for (_, ids) in Dictionary(grouping: entries.keys.filter { !gone.contains($0) }, by: \.route) {
            guard ids.count > limit else { continue }
            let newest = Dictionary(grouping: ids, by: \.partition).mapValues { $0.map(\.number).max() ?? 0 }
            let byAge = ids.sorted { (newest[$0.partition] ?? 0) - $0.number > (newest[$1.partition] ?? 0) - $1.number }
            gone.formUnion(byAge.prefix(ids.count - limit))
        }
        return entries.sorted {
            ($0.key.route, $0.key.partition, $0.key.number) < ($1.key.route, $1.key.partition, $1.key.number)
        }
        .flatMap { id, entry in
            (gone.contains(id) ? entry.writers[...] : entry.writers.dropLast(writers)).map { id.key(writer: $0) }
        }
    }
}

extension DeliveredBlocks.ID {
    init?(_ route: String, _ place: RedrivePlace) {
        guard place.partition >= 0, let number = DeliveredBlock.number(of: place.offset) else { return nil }
        self.init(route: route, partition: place.partition, number: number)
    }

    /// Whether the queue may have events of it. It has none beyond its end where the topic was deleted and made again.
    fileprivate func isAmong(_ bounds: [Int32: Range<Int64>]) -> Bool {
        guard let events = bounds[partition], let first = DeliveredBlock.number(of: events.lowerBound),
            let last = DeliveredBlock.number(of: events.upperBound)
        else { return true }
        return (first...max(first, last)).contains(number)
    }

    static let word = "delivered"

    /// The key of a gateway's record of it.
    func key(writer: String) -> String { "\(Self.word) \(route) \(partition) \(number) \(writer)" }

    /// Reads what ``key(writer:)`` wrote. A route may have spaces in its name.
    static func read(_ words: [String]) -> (id: DeliveredBlocks.ID, writer: String)? {
        guard words.count >= 5, words[0] == word, let writer = words.last,
            let partition = Int32(words[words.count - 3]), let number = Int64(words[words.count - 2]),
            partition >= 0, (0...Int64.max / DeliveredBlock.size).contains(number)
        else { return nil }
        let route = words[1..<words.count - 3].joined(separator: " ")
        return (DeliveredBlocks.ID(route: route, partition: partition, number: number), writer)
    }
}
