import Sluice

/// How far a job is, as its worker has kept it, and who has worked it off from where on.
struct KafkaRedriveMark: Sendable, Equatable {
    /// A time in which one worker has the job.
    struct Epoch: Sendable, Equatable {
        /// The worker's name, made up for this epoch.
        var owner: String
        /// How many of the job's messages had ended when it began.
        var start: Int64
    }

    var progress: RedriveProgress
    var epochs: [Epoch]
    /// Which of its epoch's records it is, from 1 on. By it a worker sees whether its record counts.
    var number: Int64 = 0
    /// Whether it only begins its last epoch.
    var isBegin = false

    func write(_ json: inout JSONWriter) {
        json.name("epochs")
        json.array { json in
            for epoch in epochs {
                json.object { json in
                    json.member("owner", epoch.owner)
                    json.member("start", epoch.start)
                }
            }
        }
        if isBegin { json.member("begins", true) }
        if number > 0 { json.member("number", number) }
        json.name("progress")
        json.object(progress.write)
    }

    /// Nil for what cannot be read.
    static func decode(_ payload: [UInt8]) -> KafkaRedriveMark? {
        var mark = KafkaRedriveMark(progress: RedriveProgress(), epochs: [])
        var isWhole = false
        do {
            try JSONReader.read(payload) { (reader) throws(JSONError) in
                try reader.fields { (reader) throws(JSONError) in
                    if reader.isAt("progress") {
                        mark.progress = RedriveProgress.decode(String(decoding: try reader.raw(), as: UTF8.self))
                        isWhole = true
                    }
                    try reader.field("begins", &mark.isBegin)
                    if reader.isAt("number") { mark.number = max(0, try reader.boundedInteger() ?? 0) }
                    if reader.isAt("epochs") {
                        try reader.array { (reader) throws(JSONError) in
                            mark.epochs.append(try Epoch(&reader))
                        }
                    }
                }
            }
        } catch {
            return nil
        }
        return isWhole && !mark.epochs.isEmpty ? mark : nil
    }
}

extension KafkaRedriveMark.Epoch {
    fileprivate init(_ reader: inout JSONReader) throws(JSONError) {
        var (owner, start) = ("", Int64(0))
        try reader.fields { (reader) throws(JSONError) in
            try reader.field("owner", &owner)
            if reader.isAt("start") { start = max(0, try reader.boundedInteger() ?? 0) }
        }
        self.init(owner: owner, start: start)
    }
}
