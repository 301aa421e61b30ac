import Foundation
public import Sluice
import SluiceSQLite

/// `sluice replay`: sends events once more through a sink, and shows and steers such jobs.
public struct ReplayTool: Sendable {
    /// What is sent again, and how.
    public struct Request: Sendable {
        public var sink: String
        public var from: Timestamp?
        public var until: Timestamp?
        /// As `--only` has them.
        public var only: [String] = []
        /// Such as `5/s`.
        public var rate: String?
        public var skipsDelivered = false
        public var isDry = false

        public init(to sink: String) {
            self.sink = sink
        }
    }

    /// What may be done with a job.
    public enum Act: String, Sendable {
        case pause, resume, cancel
    }

    /// How often jobs that are watched are asked about.
    private static let interval: Duration = .milliseconds(500)

    private let directory: String
    private let client: ControlClient

    /// - Parameter directory: the data directory of a running gateway.
    public init(directory: String) {
        self.directory = directory
        client = ControlClient(directory: directory)
    }

    /// - Returns: what was begun, or would be, in words, and the jobs.
    /// - Throws: ``NoGatewayError``, ``CommandError``.
    public func start(_ request: Request) async throws -> (text: String, jobs: [Int64]) {
        let answer = try await ask(
            ControlRequest(
                .replay,
                [
                    "sink": request.sink, "from": request.from.map { "\($0.millisecondsSince1970)" },
                    "until": request.until.map { "\($0.millisecondsSince1970)" },
                    "only": request.only.isEmpty ? nil : request.only.joined(separator: "\n"), "rate": request.rate,
                    "skip_delivered": request.skipsDelivered ? "yes" : nil, "dry_run": request.isDry ? "yes" : nil,
                ]))
        return (answer.text ?? "", answer.items.compactMap { RedriveRecord(json: $0)?.job.id })
    }

    /// All jobs: a table for people, or a JSON object a line.
    /// Without a gateway as its files have them. With Kafka as the queue it takes one.
    public func list(asJSON: Bool) async throws -> String {
        let log = DataDirectory.logFile(at: directory)
        let records: [RedriveRecord]
        if let answer = try await client.askLeader(ControlRequest(.listJobs)) {
            records = answer.items.compactMap(RedriveRecord.init(json:))
        } else if FileManager.default.fileExists(atPath: log), let view = try embeddedLog(log) {
            records = try LogRedriveStore.records(inFile: view)
        } else {
            throw NoGatewayError(directory)
        }
        if asJSON { return records.map { String(decoding: $0.json, as: UTF8.self) + "\n" }.joined() }
        return records.isEmpty ? "no jobs\n" : RedriveText.table(records)
    }

    /// - Returns: nil where Kafka is the queue, whose jobs only a gateway knows.
    private func embeddedLog(_ path: String) throws -> SQLiteLogView? {
        let view = SQLiteLogView(path: path)
        return QueueMemory.saysKafka(try view.facts(prefix: QueueMemory.prefix)) ? nil : view
    }

    /// - Returns: what was done, in words.
    public func change(_ id: Int64, _ act: Act) async throws -> String {
        let command: ControlRequest.Command =
            switch act {
            case .pause: .pauseJob
            case .resume: .resumeJob
            case .cancel: .cancelJob
            }
        return try await ask(ControlRequest(command, ["id": "\(id)"])).text ?? ""
    }

    /// How far a job is.
    public struct Report: Sendable {
        public let job: Int64
        /// How many of its messages have ended.
        public let done: Int64
        public let total: Int64
        /// The same for people, with more.
        public let text: String
        /// Whether anything has changed since the last report.
        public let isNews: Bool
        /// Whether more is to come.
        public let isRunning: Bool
    }

    /// Tells of jobs until none of them runs any more.
    /// - Parameters:
    ///   - ids: the numbers of the jobs.
    ///   - tell: is told of each job twice a second.
    /// - Throws: ``ToolError`` where one of them was not brought to its end.
    public func watch(_ ids: [Int64], tell: (Report) throws -> Void) async throws {
        var speeds: [Int64: JobSpeed] = [:]
        var told: [Int64: RedriveProgress] = [:]
        while true {
            let records = try await records().filter { ids.contains($0.job.id) }
            guard Set(records.map(\.job.id)) == Set(ids) else { throw ToolError("there is no such job") }
            for record in records {
                let (id, progress) = (record.job.id, record.progress)
                let speed = speeds[id, default: JobSpeed()].note(progress.handled)
                try tell(
                    Report(
                        job: id, done: progress.handled, total: record.job.total,
                        text: RedriveText.progress(record, speed: speed), isNews: told[id] != progress,
                        isRunning: progress.state == .running))
                told[id] = progress
            }
            guard records.contains(where: { $0.progress.state == .running }) else {
                if let other = records.first(where: { $0.progress.state != .done }) {
                    throw ToolError("job \(other.job.id) is \(other.progress.state.rawValue)")
                }
                return
            }
            try await Task.sleep(for: Self.interval)
        }
    }

    private func records() async throws -> [RedriveRecord] {
        try await ask(ControlRequest(.listJobs)).items.compactMap(RedriveRecord.init(json:))
    }

    private func ask(_ request: ControlRequest) async throws -> ControlAnswer {
        guard let answer = try await client.askLeader(request) else { throw NoGatewayError(directory) }
        return answer
    }
}

/// How fast a job is, as it was seen over the last seconds.
private struct JobSpeed {
    private var seen: [(time: MonotonicTime, count: Int64)] = []

    /// - Returns: messages a second; nil until that is known.
    mutating func note(_ count: Int64) -> Double? {
        let now = MonotonicTime.now()
        seen.append((now, count))
        if seen.count > 20 { seen.removeFirst() }
        guard let first = seen.first, first.time < now else { return nil }
        let seconds = Double(now.nanoseconds(since: first.time)) / 1e9
        return seconds > 0.4 ? Double(count - first.count) / seconds : nil
    }
}
