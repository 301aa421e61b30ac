import Foundation
import Sluice
import SluiceSQLite

/// What a person asks of the poison queue and of jobs, carried out where the queue is.
struct RedriveRequests: Sendable {
    let desk: RedriveDesk

    private var store: any RedriveStore { desk.store }

    // MARK: The poison queue

    /// Puts messages of the poison queue back to where they failed, by a job for each route.
    func retry(_ arguments: [String: String], by: String) async throws -> ControlAnswer {
        let plan = try await plan(arguments)
        let canaries =
            try Self.read("canary", arguments, RedriveArguments.canaries, RedriveArguments.canaryWords) ?? 0
        let isDry = arguments["dry_run"] != nil
        let share = try Self.read("failure_share", arguments, RedriveArguments.share, RedriveArguments.shareWords)
        let rate = try Self.rate(arguments)
        var jobs: [RedriveJob] = []
        for lane in plan.lanes {
            var job = RedriveJob(kind: .retry, lane: lane.route, name: lane.name)
            job.rate = rate
            job.failureShare = share ?? RedriveLimits.failureShare
            job.total = Int64(lane.messages.count + lane.returning.count)
            job.selected = PlaceSet(lane.messages.map(\.location))
            job.canaries = Self.spread(lane.messages.map(\.location), canaries)
            job.causes = Array(Set(lane.messages.map(\.cause.key)).sorted().prefix(100))
            jobs.append(job)
        }
        guard !jobs.isEmpty else {
            throw ControlFailure(.invalid, (["no message can be put back"] + plan.notes).joined(separator: "\n"))
        }
        if isDry {
            return ControlAnswer(
                text: (jobs.map { "would begin: \(Self.announce($0))" } + plan.notes).joined(separator: "\n"))
        }
        let returning = plan.lanes.enumerated().flatMap { index, lane in
            lane.returning.map { (job: index, message: $0) }
        }
        return try await begin(jobs, returning: returning, plan.notes, by: by)
    }

    /// Lets messages of the poison queue go.
    func drop(_ arguments: [String: String], by: String) async throws -> ControlAnswer {
        let filter = try PoisonFilter(arguments: arguments)
        return ControlAnswer(text: try await store.drop(filter, isDry: arguments["dry_run"] != nil, by: by))
    }

    /// Notes something about a cause.
    func note(_ arguments: [String: String], by: String) async throws -> ControlAnswer {
        let cause = try ControlCommands.argument("cause", arguments)
        return ControlAnswer(text: try await store.note(cause: cause, arguments["text"] ?? "", by: by))
    }

    // MARK: Replay

    /// Sends events once more through a sink.
    func replay(_ arguments: [String: String], by: String) async throws -> ControlAnswer {
        let name = try ControlCommands.argument("sink", arguments)
        guard let sink = desk.sinks().first(where: { $0.name == name || $0.routes.contains(name) }),
            let lane = sink.routes.first
        else {
            let names = desk.sinks().map(\.name).joined(separator: ", ")
            throw ControlFailure(.invalid, "there is no sink of this name; the sinks are: \(names)")
        }
        var job = RedriveJob(kind: .replay, lane: lane, name: sink.name)
        job.rate = try Self.rate(arguments)
        job.only = arguments["only"]?.split(separator: "\n").map(String.init) ?? []
        job.skipsDelivered = arguments["skip_delivered"] != nil
        let (from, until) = (try Self.time("from", arguments), try Self.time("until", arguments))
        job.stretches = try await store.stretch(from: from, until: until)
        if store.isPartitioned { (job.from, job.until) = (from, until) }
        let preview: ReplayPreview
        do {
            preview = try await ReplayPreview(job, sink, store)
        } catch let error as EventFilterError {
            throw ControlFailure(.invalid, "only: \(error)")
        }
        job.total = preview.total
        let text = preview.text(job, sink)
        if arguments["dry_run"] != nil { return ControlAnswer(items: [preview.json], text: text) }
        guard preview.count > 0 else { throw ControlFailure(.invalid, text) }
        return try await begin([job], returning: [], text.isEmpty ? [] : [text], by: by)
    }

    private func begin(
        _ jobs: [RedriveJob], returning: [(job: Int, message: Message)], _ notes: [String], by: String
    ) async throws -> ControlAnswer {
        let records = try await Self.saying { try await store.add(jobs, returning: returning, by: by) }
        desk.nudge()
        let lines = records.map { "job \($0.job.id) begins: \(Self.announce($0.job))" } + notes
        return ControlAnswer(items: records.map(\.json), text: lines.joined(separator: "\n"))
    }

    private static func announce(_ job: RedriveJob) -> String {
        var text = job.words
        if let rate = job.rate {
            text += ", \(RateText.write(rate))"
            let seconds = Double(job.total) / rate
            if seconds.isFinite, seconds < 1e9 { text += ", about \(DurationText.rounded(seconds: seconds))" }
        }
        return text
    }

    // MARK: Jobs

    func list() async throws -> ControlAnswer {
        ControlAnswer(items: try await store.records().map(\.json))
    }

    /// Pauses a job, lets it go on, or ends it.
    func change(_ act: RedriveProgress.Act, _ arguments: [String: String], by: String) async throws -> ControlAnswer {
        guard let id = Int64(try ControlCommands.argument("id", arguments)) else {
            throw ControlFailure(.invalid, "id: expected a job's number")
        }
        let record = try await Self.saying {
            try await store.change(id, act, by: by)
        }
        guard let record else {
            throw ControlFailure(.invalid, "there is no job \(id); `sluice replay list` shows all")
        }
        desk.nudge()
        return ControlAnswer(
            items: [record.json],
            text: "job \(id) is \(record.progress.state.rawValue): \(RedriveText.counts(record))")
    }

    private static func saying<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as SQLiteLogError {
            switch error.code {
            case .diskFull, .readOnly: throw ControlFailure(.cannotWrite, "\(error)")
            default: throw ControlFailure(.failed, "\(error)")
            }
        }
    }

    // MARK: Arguments

    private static func rate(_ arguments: [String: String]) throws(ControlFailure) -> Double? {
        try read("rate", arguments, RedriveArguments.rate, RedriveArguments.rateWords)
    }

    private static func read<Value>(
        _ name: String, _ arguments: [String: String], _ parse: (String) -> Value?, _ words: String
    ) throws(ControlFailure) -> Value? {
        guard let text = arguments[name] else { return nil }
        guard let value = parse(text) else { throw ControlFailure(.invalid, "\(name): \(words)") }
        return value
    }

    private static func time(_ name: String, _ arguments: [String: String]) throws(ControlFailure) -> Timestamp? {
        guard let text = arguments[name] else { return nil }
        guard let number = Int64(text) else { throw ControlFailure(.invalid, "\(name): expected a time") }
        return Timestamp(millisecondsSince1970: number)
    }

    /// The oldest, the newest, and evenly between.
    static func spread<Place>(_ offsets: [Place], _ count: Int) -> [Place] {
        guard count > 0, !offsets.isEmpty else { return [] }
        guard count < offsets.count else { return offsets }
        guard count > 1 else { return [offsets[0]] }
        // The newest follows the oldest: these two differ most.
        let even = (0..<count).map { offsets[$0 * (offsets.count - 1) / (count - 1)] }
        return [even[0], even[count - 1]] + even.dropFirst().dropLast()
    }
}
