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
        /// The gateways that have written of it.
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
        if entries[id]?.writers.contains(writer) == false { entries[id]?.writers.append(writer) }
    }

    /// What a gateway wrote has gone. What others wrote of the same events stays.
    mutating func forget(_ id: ID, from writer: String) {
        entries[id]?.writers.removeAll { $0 == writer }
        if entries[id]?.writers.isEmpty == true { entries[id] = nil }
    }

    /// Keys of records that say nothing any more: the queue has dropped their events, or they are the oldest of too many.
    /// - Parameters:
    ///   - start: the first event of each partition that the queue still has; without those of which that is not known.
    ///   - limit: how many blocks of a route stay.
    func keysToForget(before start: [Int32: Int64], limit: Int = RedriveLimits.deliveredBlocks) -> [String] {
        var gone = Set(
            entries.keys.filter { id in
                start[id.partition].flatMap(DeliveredBlock.number(of:)).map { id.number < $0 } ?? false
            })
        for (_, ids) in Dictionary(grouping: entries.keys.filter { !gone.contains($0) }, by: \.route) {
            guard ids.count > limit else { continue }
            let newest = Dictionary(grouping: ids, by: \.partition).mapValues { $0.map(\.number).max() ?? 0 }
            let byAge = ids.sorted { (newest[$0.partition] ?? 0) - $0.number > (newest[$1.partition] ?? 0) - $1.number }
            gone.formUnion(byAge.prefix(ids.count - limit))
        }
        return gone.sorted { ($0.route, $0.partition, $0.number) < ($1.route, $1.partition, $1.number) }
            .flatMap { id in (entries[id]?.writers ?? []).map { id.key(writer: $0) } }
    }
}

extension DeliveredBlocks.ID {
    init?(_ route: String, _ place: RedrivePlace) {
        guard place.partition >= 0, let number = DeliveredBlock.number(of: place.offset) else { return nil }
        self.init(route: route, partition: place.partition, number: number)
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
