import Sluice
import SluiceKafka
import SluiceSQLite

/// A sink's group that no sink reads, and for which messages wait: a sink was renamed or left out.
struct UnreadGroup: Sendable, Equatable {
    let name: String
    let waiting: Int64

    /// How many groups of Kafka's are asked about.
    private static let most = 10

    /// Readers of the gateway's that are no sinks.
    private static let others: Set<String> = [
        DeploymentsRoute.name, SimulatorRoutes.staging, SimulatorRoutes.production,
    ]

    /// Whether it has the name of a sink's, unless that was given another.
    static func isSinks(_ name: String) -> Bool { name.hasPrefix("log-to-") && name != DeploymentsRoute.name }

    /// What to do about one of a sink's.
    /// - Parameter others: the names of the other groups.
    static func remedy(_ name: String, among others: [String] = []) -> String {
        // The pushes of a sink that reads them apart: where the sink's own group is read, they are too.
        let own = ReaderPart.sinksGroup(ofPushes: name).flatMap { others.contains($0) ? $0 : nil }
        return "write `group: \(own ?? name)` at the sink that shall have them"
    }

    /// With what the readers' pushes were read by, which is theirs however they read now.
    private static func all(_ readers: Set<String>) -> Set<String> { readers.union(readers.map(ReaderPart.pushesGroup)) }

    var note: String {
        "group \(name): no sink reads it, and \(waiting) messages wait: \(Self.remedy(name)), or "
            + "`sluice groups remove \(name)` forgets it"
    }

    /// Those of the embedded log.
    static func find(among groups: [SQLiteGroup], besides readers: Set<String>) -> [UnreadGroup] {
        let readers = all(readers)
        return groups.filter {
            $0.topic == SQLiteQueue.eventsTopic && isSinks($0.name) && !readers.contains($0.name)
                && $0.backlog.messages > 0
        }.map { UnreadGroup(name: $0.name, waiting: $0.backlog.messages) }
    }

    /// Those of Kafka's, as far as brokers answer.
    /// - Parameter remembered: the readers that a data directory knows.
    static func find(
        among remembered: [String], besides readers: Set<String>, of kafka: GatewayConfiguration.Kafka,
        _ topics: KafkaTopics
    ) async -> [UnreadGroup] {
        let readers = all(readers)
        var found: [UnreadGroup] = []
        for route in remembered.filter({ !readers.contains($0) && !others.contains($0) }).prefix(most) {
            // Who does not answer once is not waited for again.
            guard
                let positions = try? await topics.positions(of: Topic(kafka.topic), group: kafka.group(of: route))
            else { break }
            guard positions.values.contains(where: { $0.committed != nil }) else { continue }
            let waiting = positions.values.reduce(Int64(0)) { $0.addingSaturated($1.unsettled) }
            if waiting > 0 { found.append(UnreadGroup(name: route, waiting: waiting)) }
        }
        return found
    }
}

extension KafkaGroupPosition {
    /// How many records the group has yet to settle; offsets come from outside.
    fileprivate var unsettled: Int64 {
        Int64(clamping: max(0, Int128(end) - Int128(max(first, committed ?? first))))
    }
}
