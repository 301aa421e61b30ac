import Sluice

/// A record on Kafka's topic of jobs. The newest one of each key stays for ever.
enum KafkaRedriveRecord: Sendable {
    /// A job begins.
    /// - Parameter token: tells apart two that want the same number.
    case job(RedriveJob, token: String)
    /// Some of the messages of a job that one record cannot name. All of them are there before the job is.
    case part(PlaceSet, token: String, index: Int64)
    /// How far it is.
    case mark(Int64, KafkaRedriveMark)
    /// What a person wants of it.
    case will(Int64, RedriveProgress.Act, by: String)
    /// Messages of the poison queue that were let go.
    case drop(PlaceSet, token: String)
    /// About a cause; an empty text says that there is none.
    case note(String, PoisonNote)
    /// Events that a gateway's sink has delivered.
    case delivered(DeliveredBlocks.ID, DeliveredBlock, writer: String)
    /// Who did what. It changes nothing.
    case act(RedriveAct, token: String)
    /// Nothing: it follows what was taken away, since the topic's last record must not be.
    case nothing

    /// The metadata whose value is the record's key.
    static let keyName = "redrive_key"

    var key: String {
        switch self {
        case .job(let job, let token): "job \(job.id) \(token)"
        case .part(_, let token, let index): Self.key(ofPart: index, token)
        // A former leader's record cannot take the place of its successor's.
        case .mark(let id, let mark): "at \(id) \(mark.epochs.count) \(mark.epochs.last?.owner ?? "")"
        // Nothing that is said later takes an end back.
        case .will(let id, let act, _): act == .cancel ? "end \(id)" : "will \(id)"
        case .drop(_, let token): "drop \(token)"
        case .note(let cause, _): "note \(cause)"
        case .delivered(let id, _, let writer): id.key(writer: writer)
        case .act(_, let token): "act \(token)"
        case .nothing: "nothing"
        }
    }

    static func key(ofPart index: Int64, _ token: String) -> String { "part \(token) \(index)" }

    func message(prefix: String) -> Message {
        var message: Message
        switch self {
        case .act(let act, _): message = act.message
        case .job(let job, _): message = Message(payload: Array(job.encoded.utf8))
        case .mark(_, let mark): message = Message(payload: JSONWriter.object(mark.write))
        case .will(_, let act, let by):
            message = Message(
                payload: JSONWriter.object { json in
                    json.member("act", act.rawValue)
                    json.member("by", by)
                })
        case .drop(let places, _), .part(let places, _, _): message = Message(payload: places.encoded)
        case .note(_, let note): message = Message(payload: Array(note.encoded.utf8))
        case .delivered(_, let block, _): message = Message(payload: block.encoded)
        case .nothing: message = Message(payload: Array("{}".utf8))
        }
        message.metadata[Self.keyName] = prefix + key
        return message
    }

    /// A record that takes away those of its key.
    static func tombstone(_ key: String, prefix: String) -> Message {
        Message(metadata: [keyName: prefix + key], payload: [])
    }

    /// - Returns: nil for what cannot be read, or says nothing to this version.
    init?(key: String, payload: [UInt8]) {
        let words = key.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        if let (id, writer) = DeliveredBlocks.ID.read(words) {
            guard let block = DeliveredBlock.decode(payload) else { return nil }
            self = .delivered(id, block, writer: writer)
            return
        }
        let text = String(decoding: payload, as: UTF8.self)
        let id = words.count > 1 ? Int64(words[1]) : nil
        switch (words.first, words.count) {
        case ("job", 3):
            guard let job = RedriveJob.decode(text), job.id == id else { return nil }
            self = .job(job, token: words[2])
        case ("part", 3):
            guard let places = PlaceSet.decode(payload), let index = Int64(words[2]) else { return nil }
            self = .part(places, token: words[1], index: index)
        case ("at", 4):
            guard let id, let mark = KafkaRedriveMark.decode(payload) else { return nil }
            self = .mark(id, mark)
        case ("will", 2), ("end", 2):
            guard let id, let (act, by) = Self.will(payload) else { return nil }
            self = .will(id, act, by: by)
        case ("drop", 2):
            guard let places = PlaceSet.decode(payload) else { return nil }
            self = .drop(places, token: words[1])
        case ("note", 2):
            guard let note = PoisonNote.decode(text) else { return nil }
            self = .note(words[1], note)
        default: return nil
        }
    }

    private static func will(_ payload: [UInt8]) -> (RedriveProgress.Act, by: String)? {
        var (act, by): (RedriveProgress.Act?, String) = (nil, "")
        do {
            try JSONReader.read(payload) { (reader) throws(JSONError) in
                try reader.fields { (reader) throws(JSONError) in
                    if reader.isAt("act") { act = RedriveProgress.Act(rawValue: try reader.string()) }
                    try reader.field("by", &by)
                }
            }
        } catch {
            return nil
        }
        return act.map { ($0, by) }
    }
}
