import Logging
import Sluice
import SluiceHTTP
import SluiceKafka
import SluiceSQLite
import Tracing

extension Gateway {
    /// What sinks are reached with.
    static func client(
        _ configuration: GatewayConfiguration, _ tracer: (any Tracer)?,
        observe: @escaping @Sendable (HTTPClient.Observation) -> Void
    ) throws -> HTTPClient {
        var client = HTTPClient.Configuration()
        client.observe = observe
        client.tracer = tracer
        client.proxy = configuration.sinkProxy
        client.additionalCertificates = configuration.sinkCertificates
        client.totalTimeout = configuration.pace.answerTimeout
        return try ConfigurationError.naming([
            "HTTPClient.additionalCertificates": "GatewayConfiguration.sinkCertificates",
            "HTTPClient.proxy": "GatewayConfiguration.sinkProxy",
        ]) { [client] in try HTTPClient(client) }
    }
}

/// Parts that are made otherwise with Kafka than with the log.
extension Gateway {
    static func steeringStore(
        _ configuration: GatewayConfiguration, _ log: SQLiteLog, _ logger: Logger
    ) -> any SteeringStore {
        configuration.kafka.map { KafkaSteering($0, logger: logger) } ?? LogSteering(log, logger: logger)
    }

    static func teller(
        _ journal: Journal?, _ queue: any EventQueue, _ log: SQLiteLog, _ directory: DataDirectory,
        _ sinks: RunningSinks, _ steering: Steering
    ) -> StoryTeller {
        StoryTeller(
            journal: journal?.reader,
            queue: (queue as? KafkaQueue).map { .kafka($0) } ?? .log(log, path: directory.log, queue.events),
            facts: (queue as? KafkaQueue).map { .kafka($0) } ?? .log(log, path: directory.log, queue.facts),
            sinks: {
                sinks.all.flatMap { running in
                    running.sink.readers.map { group, part in
                        StoryTeller.Sink(
                            route: group, name: running.sink.name, destination: running.destination.name, part: part)
                    }
                }
            },
            outlook: { sink in
                SinkOutlook(
                    pause: sink.name.flatMap { steering.pause(of: $0) },
                    destination: sinks.all.first { $0.sink.groups.contains(sink.route) }?.destination.status)
            })
    }

    static func redriveStore(_ queue: any EventQueue, _ log: SQLiteLog) -> any RedriveStore {
        (queue as? KafkaQueue)?.redrive ?? LogRedriveStore(log: log)
    }

    /// - Returns: nil where Kafka is not the queue.
    static func kafkaGroups(
        _ queue: any EventQueue, _ steering: Steering, _ router: Router, _ store: any SteeringStore, _ logger: Logger
    ) -> KafkaGroups? {
        guard let queue = queue as? KafkaQueue, let store = store as? KafkaSteering else { return nil }
        return KafkaGroups(queue, steering, router, keptBy: store, logger: logger)
    }

    static func queue(
        _ configuration: GatewayConfiguration, _ log: SQLiteLog, _ instruments: Instruments, _ logger: Logger
    ) throws -> any EventQueue {
        guard let kafka = configuration.kafka else {
            return SQLiteQueue(log, groupRetention: configuration.groupRetention, logger: logger)
        }
        return try KafkaQueue(
            kafka, retention: configuration.retention, poisonBytes: configuration.poisonRetention,
            factRetention: configuration.factRetention, handled: log, groupRetention: configuration.groupRetention,
            instruments, logger: logger)
    }
}
