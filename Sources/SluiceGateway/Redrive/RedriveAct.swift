import Sluice
import SluiceSQLite

/// What was done about jobs and the poison queue, and who did it: a message on the topic of jobs.
struct RedriveAct {
    /// Who acts where no person does.
    static let gateway = "the gateway"

    private let act: String
    private let by: String
    private let job: Int64?
    private let words: String?

    init(_ act: String, by: String, job: Int64? = nil, _ words: String? = nil) {
        self.act = act
        self.by = by
        self.job = job
        self.words = words
    }

    var message: Message {
        let payload = JSONWriter.object { json in
            json.member("act", act)
            if let job { json.member("job", job) }
            json.member("by", by)
            json.member("at", RFC3339.format(.now()))
            json.member("what", ifPresent: words?.truncated(toBytes: 2_000))
        }
        var message = Message(payload: payload)
        message.metadata["act"] = act
        message.metadata["by"] = by
        return message
    }

    func append(to transaction: SQLiteTransaction) throws {
        try transaction.append(message, to: LogRedriveStore.topic, key: job.map { Array("\($0)".utf8) })
    }
}
