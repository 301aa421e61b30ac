public import Sluice

/// A topic as it shall be made, with everything stated that the brokers would otherwise choose.
///
/// ```swift
/// try await topics.create(KafkaTopicPlan("orders", partitions: 6, replication: 3, retention: nil, bytes: 1 << 30))
/// ```
public struct KafkaTopicPlan: Sendable, Equatable {
    /// A setting of a topic (<https://kafka.apache.org/documentation/#topicconfigs>).
    public struct Setting: Sendable, Equatable {
        public let name: String
        public let value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public var topic: Topic
    /// From 1.
    public var partitions: Int32
    /// How many brokers keep each; nil leaves it to the brokers. From 1.
    public var replication: Int16?
    /// Each name once.
    public var settings: [Setting]

    /// - Parameters:
    ///   - topic: its name.
    ///   - partitions: how many; from 1.
    ///   - replication: how many brokers keep each; nil leaves it to the brokers.
    ///   - retention: how long messages are kept; nil keeps them for ever, which is not what brokers do by default.
    ///   - bytes: how many bytes all partitions keep together, the newest; nil is no limit. Default nil.
    ///   - largestMessage: how many bytes a message may have (`max.message.bytes`); at least Kafka's own default.
    public init(
        _ topic: Topic, partitions: Int32, replication: Int16?, retention: Duration?, bytes: Int64? = nil,
        largestMessage: Int = 0
    ) {
        self.topic = topic
        self.partitions = partitions
        self.replication = replication
        let kept = retention.map { max(1, Int64(clamping: $0.wholeNanoseconds / 1_000_000)) }
        let share = bytes.map { max(1, $0 / Int64(max(1, partitions))) }
        settings = [
            Setting("cleanup.policy", "delete"),
            Setting("retention.ms", kept.map { "\($0)" } ?? "-1"),
            Setting("retention.bytes", share.map { "\($0)" } ?? "-1"),
            Setting("segment.ms", "\(Self.segment(keeping: kept))"),
            Setting("max.message.bytes", "\(max(Self.usualMessage, largestMessage))"),
        ]
        // Only whole segments are deleted.
        if let share {
            settings.append(Setting("segment.bytes", "\(min(Self.usualSegment, max(Self.leastSegment, share / 4)))"))
        }
    }

    /// Kafka's own default of `max.message.bytes`.
    private static let usualMessage = 1_048_588
    /// Kafka's own default of `segment.bytes`, and what is not worth a file of its own.
    private static let usualSegment: Int64 = 1 << 30
    private static let leastSegment: Int64 = 16 << 20

    /// A message is deleted with its segment, and that not before a new one has begun: as late as a segment is long,
    /// therefore, and Kafka's default of 7 days is longer than many a retention. An eighth of it, at most those 7 days.
    private static func segment(keeping milliseconds: Int64?) -> Int64 {
        let week: Int64 = 7 * 86_400_000
        return milliseconds.map { min(week, max(60_000, $0 / 8)) } ?? week
    }

    /// The command that makes it, for who may.
    public var command: String {
        let words = settings.map { "--config \($0.name)=\($0.value)" }
        return
            "kafka-topics.sh --create --topic \(topic) --partitions \(partitions) "
            + (replication.map { "--replication-factor \($0) " } ?? "") + words.joined(separator: " ")
    }
}

/// A topic as it is.
public struct KafkaTopicDescription: Sendable, Equatable {
    public var partitions: Int
    /// How many brokers keep the partition that the fewest do.
    public var replicas: Int
    /// Its settings, by name; nil where the brokers do not tell, or not to this user.
    public var settings: [String: String]?

    /// What of a plan the topic is not.
    public struct Drift: Sendable, Equatable {
        /// A setting's name, or `partitions`.
        public let name: String
        public let found: String
        public let stated: String
    }

    /// What differs from `plan` in a way that users may notice: fewer partitions, another life of messages.
    public func drift(from plan: KafkaTopicPlan) -> [Drift] {
        var drift: [Drift] = []
        if partitions < Int(plan.partitions) {
            drift.append(Drift(name: "partitions", found: "\(partitions)", stated: "\(plan.partitions)"))
        }
        if let replication = plan.replication, replicas < Int(replication) {
            drift.append(Drift(name: "replication", found: "\(replicas)", stated: "\(replication)"))
        }
        guard let settings else { return drift }
        for setting in plan.settings {
            guard let found = settings[setting.name], found != setting.value else { continue }
            let isDrift =
                switch setting.name {
                case "cleanup.policy", "retention.ms", "retention.bytes": true
                // What is finer than asked for does no harm.
                case "segment.ms", "segment.bytes": (Int64(found) ?? 0) > (Int64(setting.value) ?? 0)
                case "max.message.bytes": (Int64(found) ?? 0) < (Int64(setting.value) ?? 0)
                default: true
                }
            if isDrift { drift.append(Drift(name: setting.name, found: found, stated: setting.value)) }
        }
        return drift
    }
}
