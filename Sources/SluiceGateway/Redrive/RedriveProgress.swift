import Sluice

/// How far a job has come.
struct RedriveProgress: Sendable, Equatable {
    enum State: String, Sendable {
        case running
        /// A person has paused it.
        case paused
        /// Too much failed again; a person may have it go on.
        case stopped
        case cancelled, done

        /// Whether nothing more is to come of it.
        var isFinal: Bool { self == .cancelled || self == .done }
    }

    var state = State.running
    /// Why it is not running.
    var why: String?
    /// The other side has them.
    var delivered: Int64 = 0
    /// They are in the poison queue again.
    var failed: Int64 = 0
    /// The route has passed over them: delivered before, not wanted, or gone.
    var skipped: Int64 = 0
    /// Of a replay: up to which offset each partition is done.
    var cursor: [Int32: Int64] = [:]
    /// Canaries that have not failed.
    var canaries: Int64 = 0
    /// How many had failed, and how many had been tried, when a person had it go on: the bound is about what came since.
    private var forgivenFailed: Int64 = 0
    private var forgivenTried: Int64 = 0
    var updated = Timestamp(millisecondsSince1970: 0)

    init(state: State = .running, why: String? = nil, cursor: [Int32: Int64] = [:]) {
        self.state = state
        self.why = why
        self.cursor = cursor
    }

    var handled: Int64 { delivered + failed + skipped }
    /// For people.
    var counts: String { "\(delivered) delivered, \(failed) failed again, \(skipped) passed over" }

    /// How a message has ended.
    enum Verdict: Sendable, Equatable {
        case delivered, skipped
        /// With the reason.
        case failed(String)
    }

    /// A message has ended.
    mutating func note(_ verdict: Verdict, at place: RedrivePlace, of job: RedriveJob) {
        let isCanary = canaries < Int64(job.canaries.count)
        if job.kind == .replay {
            cursor[place.partition] = max(cursor[place.partition] ?? -1, place.offset)
        }
        switch verdict {
        case .delivered: delivered += 1
        case .skipped: skipped += 1
        case .failed(let reason):
            failed += 1
            if isCanary {
                stop("one of the first \(job.canaries.count) failed again: \(reason)")
            } else {
                let (failed, tried) = (failed - forgivenFailed, delivered + failed - forgivenTried)
                guard failed >= RedriveLimits.leastFailures, Double(failed) > job.failureShare * Double(tried) else {
                    break
                }
                stop("\(failed) of \(tried) failed again, the last with: \(reason)")
            }
        }
        if isCanary, state == .running { canaries += 1 }
    }

    private mutating func stop(_ reason: String) {
        guard state == .running else { return }
        state = .stopped
        why = reason.truncated(toBytes: 500).replacingUnsafeCharacters()
    }

    /// What a person may do with a job.
    enum Act: String, Sendable {
        case pause, resume, cancel
    }

    /// A person has asked for this.
    /// - Returns: whether it was still possible.
    mutating func obey(_ act: Act, by: String, of job: RedriveJob) -> Bool {
        guard !state.isFinal else { return false }
        switch act {
        case .pause: (state, why) = (.paused, "paused by \(by)")
        case .cancel: (state, why) = (.cancelled, "cancelled by \(by)")
        case .resume: goOn(job)
        }
        return true
    }

    /// A person has it go on after it had stopped: what failed before counts no more.
    mutating func goOn(_ job: RedriveJob) {
        if state == .stopped {
            canaries = Int64(job.canaries.count)
            (forgivenFailed, forgivenTried) = (failed, delivered + failed)
        }
        state = .running
        why = nil
    }

    // MARK: As it is kept

    func write(_ json: inout JSONWriter) {
        json.member("state", state.rawValue)
        json.member("why", ifPresent: why)
        json.member("delivered", delivered)
        json.member("failed", failed)
        json.member("skipped", skipped)
        if !cursor.isEmpty {
            json.name("cursor")
            json.array { json in
                for (partition, offset) in cursor.sorted(by: { $0.key < $1.key }) {
                    json.integers([Int64(partition), offset])
                }
            }
        }
        json.member("canaries_passed", canaries)
        json.member("forgiven_failed", forgivenFailed)
        json.member("forgiven_tried", forgivenTried)
        json.member("updated", RFC3339.format(updated))
    }

    var encoded: String { String(decoding: JSONWriter.object(write), as: UTF8.self) }

    /// What cannot be read counts as paused: nothing is sent until a person looks.
    static func decode(_ text: String) -> RedriveProgress {
        var progress = RedriveProgress(state: .paused, why: "what is kept of it cannot be read")
        var (state, why): (State?, String?) = (nil, nil)
        do {
            try JSONReader.read(Array(text.utf8)) { (reader) throws(JSONError) in
                try reader.fields { (reader) throws(JSONError) in
                    if reader.isAt("state") { state = State(rawValue: try reader.string()) }
                    try reader.field("why", &why)
                    if reader.isAt("updated") {
                        progress.updated = RFC3339.parse(try reader.string()) ?? progress.updated
                    }
                    if reader.isAt("cursor") {
                        for place in try reader.rows(2).compactMap(RedrivePlace.init) {
                            progress.cursor[place.partition] = place.offset
                        }
                    }
                    try reader.fieldCount("delivered", &progress.delivered)
                    try reader.fieldCount("failed", &progress.failed)
                    try reader.fieldCount("skipped", &progress.skipped)
                    try reader.fieldCount("forgiven_failed", &progress.forgivenFailed)
                    try reader.fieldCount("forgiven_tried", &progress.forgivenTried)
                    try reader.fieldCount("canaries_passed", &progress.canaries)
                }
            }
        } catch {
            return progress
        }
        guard let state else { return progress }
        progress.state = state
        progress.why = why
        return progress
    }
}

extension JSONReader {
    /// A count that others can write, as ``boundedInteger()`` cuts it; what is none, or below 0, is 0.
    fileprivate mutating func fieldCount(_ name: StaticString, _ value: inout Int64) throws(JSONError) {
        if isAt(name) { value = max(0, try boundedInteger() ?? 0) }
    }
}

/// A job, and how far it has come.
struct RedriveRecord: Sendable, Equatable {
    var job: RedriveJob
    var progress: RedriveProgress

    var left: Int64 { max(0, job.total - progress.handled) }

    /// For people and scripts: without the messages one by one.
    var json: [UInt8] {
        JSONWriter.object { json in
            json.name("job")
            json.object { json in job.write(&json, withSelection: false) }
            json.name("progress")
            json.object(progress.write)
        }
    }

    /// Reads what ``json`` wrote; nil for what cannot be read.
    init?(json: [UInt8]) {
        var (job, progress): (RedriveJob?, RedriveProgress?) = (nil, nil)
        do {
            try JSONReader.read(json) { (reader) throws(JSONError) in
                try reader.fields { (reader) throws(JSONError) in
                    if reader.isAt("job") {
                        job = RedriveJob.decode(String(decoding: try reader.raw(), as: UTF8.self))
                    }
                    if reader.isAt("progress") {
                        progress = RedriveProgress.decode(String(decoding: try reader.raw(), as: UTF8.self))
                    }
                }
            }
        } catch {
            return nil
        }
        guard let job, let progress else { return nil }
        self.init(job: job, progress: progress)
    }

    init(job: RedriveJob, progress: RedriveProgress) {
        self.job = job
        self.progress = progress
    }
}
