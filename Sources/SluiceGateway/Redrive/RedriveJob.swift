import Sluice

/// Messages that are sent again by a route: what was asked for. It does not change; how far it is says ``RedriveProgress``.
struct RedriveJob: Sendable, Equatable {
    enum Kind: String, Sendable {
        /// Messages of the poison queue go back to where they failed.
        case retry
        /// Events go through a sink once more.
        case replay
    }

    var id: Int64 = 0
    var kind: Kind
    /// The route that works it off, by the name of its live messages' route.
    var lane: String
    /// What the route is called by people: the sink's name.
    var name: String
    /// Who asked for it, as the kernel says.
    var by = ""
    var created = Timestamp(millisecondsSince1970: 0)
    /// Messages a second at most.
    var rate: Double?
    /// How many messages it has.
    var total: Int64 = 0
    /// It stops when a larger share of its messages fails again.
    var failureShare = RedriveLimits.failureShare

    /// Of a retry: places in the poison queue.
    var selected = PlaceSet()
    /// On Kafka: how many records of their own name these places.
    var parts: Int64 = 0
    /// Those of them that go first.
    var canaries: [RedrivePlace] = []
    /// The keys of their causes.
    var causes: [String] = []

    /// Of a replay: the stretch of events of each partition.
    var stretches: [Int32: RedriveStretch] = [:]
    /// When the queue took them; nil where the stretches say it exactly.
    var from: Timestamp?
    var until: Timestamp?
    /// As `--only` has them.
    var only: [String] = []
    var skipsDelivered = false

    /// What it is about, for people.
    var words: String {
        switch kind {
        case .retry:
            "retry of \(total) poisoned messages to \(name)"
                + (canaries.isEmpty ? "" : ", \(canaries.count) of them first")
        case .replay:
            "replay of \(total) events to \(name)" + (only.isEmpty ? "" : " (\(only.joined(separator: "; ")))")
                + (skipsDelivered ? ", without what was delivered" : "")
        }
    }

    /// Of a retry: the messages in their order.
    var order: [RedrivePlace] { order(of: selected) }

    /// The same, where a store keeps the messages apart from the job.
    func order(of selected: PlaceSet) -> [RedrivePlace] {
        let first = Set(canaries)
        return canaries + selected.places(upTo: RedriveLimits.messages).filter { !first.contains($0) }
    }

    // MARK: As it is kept

    func write(_ json: inout JSONWriter) { write(&json, withSelection: true) }

    /// - Parameter withSelection: whether with the messages one by one, which may be many.
    func write(_ json: inout JSONWriter, withSelection: Bool) {
        json.member("id", id)
        json.member("kind", kind.rawValue)
        json.member("lane", lane)
        json.member("name", name)
        json.member("by", by)
        json.member("created", RFC3339.format(created))
        if let rate {
            json.name("rate")
            json.string("\(rate)")
        }
        json.member("total", total)
        json.member("failure_share", "\(failureShare)")
        switch kind {
        case .retry:
            if withSelection, !selected.isEmpty {
                json.name("selected")
                selected.write(&json)
            }
            if parts > 0 { json.member("parts", parts) }
            json.name("canaries")
            json.array { json in
                for place in canaries { json.integers([Int64(place.partition), place.offset]) }
            }
            json.name("causes")
            json.array { json in for cause in causes { json.string(cause) } }
        case .replay:
            json.name("stretches")
            json.array { json in
                for (partition, stretch) in stretches.sorted(by: { $0.key < $1.key }) {
                    json.integers([Int64(partition), stretch.after, stretch.through])
                }
            }
            if let from { json.member("from", from.millisecondsSince1970) }
            if let until { json.member("until", until.millisecondsSince1970) }
            json.name("only")
            json.array { json in for word in only { json.string(word) } }
            json.member("skip_delivered", skipsDelivered)
        }
    }

    var encoded: String { String(decoding: JSONWriter.object(write), as: UTF8.self) }

    /// Nil for what cannot be read: written by a newer version, or damaged.
    static func decode(_ text: String) -> RedriveJob? {
        var job = RedriveJob(kind: .replay, lane: "", name: "")
        var kind: Kind?
        do {
            try JSONReader.read(Array(text.utf8)) { (reader) throws(JSONError) in
                try reader.fields { (reader) throws(JSONError) in
                    if reader.isAt("id") { job.id = try reader.boundedInteger() ?? 0 }
                    if reader.isAt("kind") { kind = Kind(rawValue: try reader.string()) }
                    try reader.field("lane", &job.lane)
                    try reader.field("name", &job.name)
                    try reader.field("by", &job.by)
                    if reader.isAt("created") { job.created = RFC3339.parse(try reader.string()) ?? job.created }
                    if reader.isAt("rate") {
                        job.rate = Double(try reader.string()).flatMap { $0 > 0 && $0.isFinite ? $0 : nil }
                    }
                    if reader.isAt("total") { job.total = try reader.boundedInteger() ?? 0 }
                    if reader.isAt("failure_share") {
                        job.failureShare = Double(try reader.string()) ?? job.failureShare
                    }
                    if reader.isAt("selected") { job.selected = try PlaceSet.read(&reader) }
                    if reader.isAt("parts") { job.parts = max(0, try reader.boundedInteger() ?? 0) }
                    if reader.isAt("canaries") { job.canaries = try reader.rows(2).compactMap(RedrivePlace.init) }
                    if reader.isAt("causes") { job.causes = try reader.texts() }
                    if reader.isAt("stretches") {
                        for row in try reader.rows(3) {
                            guard let partition = Int32(exactly: row[0]) else { continue }
                            job.stretches[partition] = RedriveStretch(after: row[1], through: row[2])
                        }
                    }
                    if reader.isAt("from") {
                        job.from = try reader.number().integer().map { Timestamp(millisecondsSince1970: $0) }
                    }
                    if reader.isAt("until") {
                        job.until = try reader.number().integer().map { Timestamp(millisecondsSince1970: $0) }
                    }
                    if reader.isAt("only") { job.only = try reader.texts() }
                    try reader.field("skip_delivered", &job.skipsDelivered)
                }
            }
        } catch {
            return nil
        }
        guard let kind, job.id > 0, !job.lane.isEmpty else { return nil }
        job.kind = kind
        return job
    }
}

extension JSONReader {
    /// A count or an offset out of a file or a topic that others can write: it is cut to where no sum of some overflows.
    /// - Returns: nil for what is no integer.
    mutating func boundedInteger() throws(JSONError) -> Int64? {
        try number().integer().map { min(max($0, -1), 1 << 53) }
    }

    fileprivate mutating func texts() throws(JSONError) -> [String] {
        var found: [String] = []
        try array { (reader) throws(JSONError) in found.append(try reader.string()) }
        return found
    }

    /// Arrays of so many integers each. What is none is left out.
    mutating func rows(_ count: Int) throws(JSONError) -> [[Int64]] {
        var found: [[Int64]] = []
        try array { (reader) throws(JSONError) in
            var row: [Int64] = []
            try reader.array { (reader) throws(JSONError) in
                if let next = try reader.boundedInteger() { row.append(next) }
            }
            if row.count == count { found.append(row) }
        }
        return found
    }
}

extension JSONWriter {
    mutating func integers(_ values: [Int64]) {
        array { json in for value in values { json.integer(value) } }
    }
}

extension RedrivePlace {
    /// - Parameter row: partition and offset.
    init?(_ row: [Int64]) {
        guard row.count == 2, let partition = Int32(exactly: row[0]) else { return nil }
        self.init(partition: partition, offset: row[1])
    }
}
