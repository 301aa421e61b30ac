import Logging
import Sluice
import SluiceAMQP
import SluiceHTTP
import SluiceKafka
import SluiceSQLite

/// `sluice check --connect`: tries what a configuration connects to, without sending anything.
public struct ConnectionTool: Sendable {
    /// How long one of them may take.
    private static let patience: Duration = .seconds(10)

    private let configuration: GatewayConfiguration
    private let logger = Logger(label: "sluice.check") { _ in SwiftLogNoOpLogHandler() }

    public init(_ configuration: GatewayConfiguration) {
        self.configuration = configuration
    }

    /// How it went with one of them.
    public struct Attempt: Sendable, CustomStringConvertible {
        /// `sinks.grafana`, `queue`, `sources.deployments`.
        public let name: String
        public let isReachable: Bool
        /// What was tried, or why it failed.
        public let text: String

        public var description: String { "\(isReachable ? "ok  " : "FAIL")  \(name): \(text)" }
    }

    /// Tries everything at once, and tells in the order of the configuration.
    public func tryAll() async throws -> [Attempt] {
        let client = try client()
        var trials: [(name: String, body: @Sendable () async throws -> String?)] = []
        if let kafka = configuration.kafka { trials.append(("queue", { [self] in try await reach(kafka) })) }
        for source in configuration.sources {
            guard let amqp = (source.options as? DeploymentsSource)?.amqp else { continue }
            trials.append(("sources.\(source.name)", { [self] in try await reach(amqp) }))
        }
        for sink in configuration.sinks {
            trials.append(
                (
                    "sinks.\(sink.name)",
                    {
                        try await sink.options.tryConnection(
                            SinkParts(name: sink.name, hold: .seconds(60), client: client))
                    }
                ))
        }
        let attempts = await withTaskGroup(of: (Int, Attempt).self) { group in
            for (index, trial) in trials.enumerated() {
                group.addTask { (index, await Self.attempt(trial.name, trial.body)) }
            }
            var found: [(Int, Attempt)] = []
            for await result in group { found.append(result) }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
        await client.close(within: .zero)
        return attempts + unreadGroups
    }

    private static func attempt(_ name: String, _ body: @Sendable () async throws -> String?) async -> Attempt {
        do {
            let text = try await body() ?? "not tried: its address follows from each event, or it has none"
            return Attempt(name: name, isReachable: true, text: text)
        } catch {
            return Attempt(name: name, isReachable: false, text: "\(error)")
        }
    }

    private func client() throws -> HTTPClient {
        var options = HTTPClient.Configuration()
        options.proxy = configuration.sinkProxy
        options.additionalCertificates = configuration.sinkCertificates
        return try HTTPClient(options)
    }

    private func reach(_ kafka: GatewayConfiguration.Kafka) async throws -> String {
        let topics = try KafkaTopics(kafka.client, timeout: Self.patience, logger: logger)
        do {
            try await topics.reach(Topic(kafka.topic), within: Self.patience)
            await topics.close()
            return "connected, the topic \(kafka.topic) is there"
        } catch {
            await topics.close()
            throw error
        }
    }

    private func reach(_ amqp: DeploymentsSource.AMQP) async throws -> String {
        let publisher = try AMQPPublisher(amqp.client, topology: .workQueue(declaring: false), logger: logger)
        let end = MonotonicTime.now().advanced(by: Self.patience)
        // Nothing tells when it has connected.
        while !publisher.connectionState.isConnected, MonotonicTime.now() < end {
            try await Task.sleep(for: .milliseconds(20))
        }
        let state = publisher.connectionState
        await publisher.close()
        guard state.isConnected else {
            throw HandlerError(state.reason ?? "it does not answer", reason: "not_connected", disposition: .retry())
        }
        return "connected, the credentials are accepted"
    }

    /// Groups of sinks on the embedded log for which messages wait, and that no sink of this configuration reads.
    private var unreadGroups: [Attempt] {
        guard configuration.kafka == nil,
            let groups = try? SQLiteLog.groups(inFile: DataDirectory.logFile(at: configuration.dataDirectory))
        else { return [] }
        // What its pushes were read by is the sink's own, also where it reads by one group now.
        let read = Set(configuration.deliveredTo.flatMap { [$0.group, ReaderPart.pushesGroup(of: $0.group)] })
        return groups.filter {
            $0.topic == SQLiteQueue.eventsTopic && UnreadGroup.isSinks($0.name) && !read.contains($0.name)
                && $0.backlog.messages > 0
        }.map {
            Attempt(
                name: "queue", isReachable: false, text: UnreadGroup(name: $0.name, waiting: $0.backlog.messages).note)
        }
    }
}
