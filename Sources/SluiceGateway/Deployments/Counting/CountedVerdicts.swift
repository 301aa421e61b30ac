import Sluice

/// Verdicts that one gateway counts, as it tells all gateways on the same Kafka: a message on the topic of facts.
///
/// All such messages have one key, and so one partition: every gateway reads them in the same order. Where several tell of the
/// same verdict, the first message decides who counts it.
struct CountedVerdicts: Sendable, Equatable {
    /// Parts of one verdict.
    struct Entry: Sendable, Hashable {
        let key: Verdict.Key
        let parts: Verdict.Parts
    }

    /// What the metadata `fact_type` says of such a message.
    static let type = "counted_verdicts"
    /// With names of 255 bytes each, less than Kafka takes by default.
    static let maximumEntries = 250

    /// The process that counts them. Nil for what was there before the counting began: no process counts it.
    var counter: String?
    var entries: [Entry]
    /// Whether all that was there before the counting began has been told.
    var endsBeginning = false

    /// The same in pieces that fit into a message each, at least one.
    var pieces: [CountedVerdicts] {
        let count = max(1, (entries.count + Self.maximumEntries - 1) / Self.maximumEntries)
        return (0..<count).map { index in
            let start = index * Self.maximumEntries
            return CountedVerdicts(
                counter: counter, entries: Array(entries[start..<min(start + Self.maximumEntries, entries.count)]),
                endsBeginning: endsBeginning && index == count - 1)
        }
    }
}

extension CountedVerdicts {
    var message: Message {
        let payload = JSONWriter.object(capacity: 128 + entries.count * 128) { json in
            json.member("counter", ifPresent: counter)
            if endsBeginning { json.member("begun", true) }
            json.name("verdicts")
            json.array { json in
                for entry in entries {
                    json.object { json in
                        json.member("service", entry.key.service)
                        json.member("environment", entry.key.environment)
                        json.member("id", entry.key.id)
                        json.member("parts", Int64(entry.parts.rawValue))
                    }
                }
            }
        }
        return Message(metadata: [Fact.typeKey: Self.type, Event.repositoryKey: Self.type], payload: payload)
    }

    static func isOne(_ message: Message) -> Bool { message.metadata[Fact.typeKey] == type }

    /// Nil where it is another message, or cannot be read.
    init?(_ message: Message) {
        guard Self.isOne(message) else { return nil }
        var read = CountedVerdicts(counter: nil, entries: [])
        do {
            try JSONReader.read(message.payload) { (reader) throws(JSONError) in
                try reader.fields { (reader) throws(JSONError) in
                    try reader.fieldOrSkip("counter", &read.counter)
                    if reader.isAt("begun"), reader.kind == .boolean { read.endsBeginning = try reader.boolean() }
                    if reader.isAt("verdicts"), reader.kind == .array {
                        try reader.array { (reader) throws(JSONError) in
                            if let entry = try Entry.read(&reader) { read.entries.append(entry) }
                        }
                    }
                }
            }
        } catch {
            return nil
        }
        self = read
    }
}

extension CountedVerdicts.Entry {
    /// Parts that this version does not know are passed over.
    fileprivate static func read(_ reader: inout JSONReader) throws(JSONError) -> Self? {
        guard reader.kind == .object else { return nil }
        var (service, environment, id, parts): (String?, String?, String?, Int64?) = (nil, nil, nil, nil)
        try reader.fields { (reader) throws(JSONError) in
            try reader.fieldOrSkip("service", &service)
            try reader.fieldOrSkip("environment", &environment)
            try reader.fieldOrSkip("id", &id)
            if reader.isAt("parts"), reader.kind == .number { parts = try reader.number().integer() }
        }
        guard let service, let environment, let id, let parts else { return nil }
        let known = Verdict.Parts(rawValue: Int(parts)).intersection(Verdict.Parts(Verdict.Parts.all))
        return Self(key: .init(service: service, environment: environment, id: id), parts: known)
    }
}
