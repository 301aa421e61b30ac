import Foundation
import Logging
import Sluice
import SluiceKafka
import SluiceSQLite

/// `sluice log topics` and `sluice log stats`: reads what is in the log, and writes nothing. A million messages cost what a
/// thousand do.
public struct LogSummaryTool: Sendable {
    private let location: LogLocation
    private let readers: Set<String>
    private let now: @Sendable () -> Timestamp

    /// - Parameters:
    ///   - location: where the log is.
    ///   - readers: the routes whose groups are looked for on Kafka, beside those that the environment may make.
    public init(_ location: LogLocation, readers: Set<String> = []) {
        self.init(location, readers: readers, now: { .now() })
    }

    init(_ location: LogLocation, readers: Set<String> = [], now: @escaping @Sendable () -> Timestamp) {
        self.location = location
        self.readers = readers
        self.now = now
    }

    /// - Parameters:
    ///   - groups: whether to look for groups, which on Kafka costs some requests for each.
    ///   - isExact: whether to look at every message for its size, which takes as long as reading them.
    /// - Throws: `SQLiteLogError`; `KafkaError`; ``ToolError``.
    public func read(groups: Bool, isExact: Bool = false) async throws -> LogSummary {
        switch location {
        case .file(let path): try summary(ofFile: path, groups, isExact)
        case .kafka(let kafka): try await summary(of: kafka, groups)
        }
    }

    private func summary(ofFile path: String, _ wantsGroups: Bool, _ isExact: Bool) throws -> LogSummary {
        let (view, now) = (SQLiteLogView(path: path), now())
        let moments = [3_600, 86_400].map { now.advanced(by: .seconds(-$0)) }
        let topics = try view.topics(since: moments).map { summary in
            LogTopicRow(summary, bytes: isExact ? try measure(summary, view) : nil)
        }
        let groups = wantsGroups ? try SQLiteLog.groups(inFile: path).map(GroupRow.init) : []
        return LogSummary(location: path, file: try view.fileSize(), topics: topics, groups: groups, time: now)
    }

    private func measure(_ summary: SQLiteTopicSummary, _ view: SQLiteLogView) throws -> Int64 {
        let bar = ProgressBar("measuring \(summary.topic)", total: summary.messages)
        defer { bar.finish() }
        return try view.measure(summary.topic) { through in
            bar.update(through.subtractingSaturated(summary.first ?? 1).addingSaturated(1))
        }
    }

    // MARK: Kafka

    private func summary(of kafka: GatewayConfiguration.Kafka, _ wantsGroups: Bool) async throws -> LogSummary {
        let topics = try KafkaTopics(kafka.client, logger: Logger(label: "sluice"))
        let outcome: Result<LogSummary, any Error>
        do {
            outcome = .success(try await summary(of: kafka, topics, wantsGroups))
        } catch {
            outcome = .failure(error)
        }
        await topics.close()
        return try outcome.get()
    }

    private func summary(
        of kafka: GatewayConfiguration.Kafka, _ topics: KafkaTopics, _ wantsGroups: Bool
    ) async throws -> LogSummary {
        var rows: [LogTopicRow] = []
        var groups: [GroupRow] = []
        for name in Self.topics(of: kafka) {
            // A group that has read nothing: everything waits for it.
            let stranger = kafka.group(of: "log-summary")
            let positions = try await topics.positions(of: Topic(name), group: stranger)
            guard !positions.isEmpty else { continue }
            var row = LogTopicRow(topic: name, messages: 0)
            row.partitions = positions.count
            row.messages = positions.values.reduce(0) { sum, position in
                sum.addingSaturated(max(0, position.end.subtractingSaturated(position.first)))
            }
            if row.messages > 0 { row.oldest = try await topics.lag(of: Topic(name), group: stranger).oldest }
            rows.append(row)
            guard wantsGroups, name == kafka.topic else { continue }
            for reader in readers.union(Registry.readers).sorted() {
                let group = kafka.group(of: reader)
                let positions = try await topics.positions(of: Topic(name), group: group)
                guard positions.values.contains(where: { $0.committed != nil }) else { continue }
                // Who reads it, `sluice groups list` says.
                groups.append(GroupRow(topic: Topic(name), group: group, positions))
            }
        }
        let brokers = kafka.client.brokers.joined(separator: ",")
        guard !rows.isEmpty else { throw ToolError("the brokers \(brokers) have no topic \(kafka.topic)") }
        return LogSummary(location: "Kafka at \(brokers)", file: nil, topics: rows, groups: groups, time: now())
    }

    /// Those that a gateway has there.
    static func topics(of kafka: GatewayConfiguration.Kafka) -> [String] {
        [kafka.topic] + ["control", "facts", "poison", "redrive"].map { "\(kafka.topic)-\($0)" }
    }
}
