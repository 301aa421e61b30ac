import CRDKafka
public import Logging
public import Sluice

/// Publishes to Kafka through one idempotent producer of librdkafka.
///
/// ```swift
/// let invoices = try KafkaPublisher(kafka, key: .metadata("customer"))
/// try await invoices.publish([message], to: "invoices")
/// ```
///
/// A publish returns when all in-sync replicas have its messages (`acks=all`). Messages of one key go to one partition,
/// in the order of the publishes; a retry inside librdkafka neither reorders nor doubles them. A full queue makes
/// `publish` wait. Any number of tasks may publish at once: they share batches.
///
/// It keeps one thread beside librdkafka's own, and they sleep while there is nothing to do. It takes delivery reports,
/// and many messages of one call are turned into records there, one call after the other; a few are where `publish` is
/// called. So the marshaler and what chooses keys must not block.
public final class KafkaPublisher: Publisher {
    public let name = "kafka"
    let options: Configuration
    let key: KeySelector
    let core: ProducerCore
    private let thread: WorkerThread
    /// Nil without a transactional id.
    let transactions: Transactions?

    /// Starts the producer, which looks for its brokers in the background: an unreachable cluster is no error here.
    /// - Parameters:
    ///   - configuration: which cluster.
    ///   - key: what keeps the order of messages. Default: none, and so no order among them.
    ///   - options: how messages are published.
    ///   - logger: takes librdkafka's logs too.
    ///   - instruments: where its metrics go; nil for none.
    /// - Throws: `ConfigurationError`, which names the field, for a value out of its range or one that librdkafka refuses;
    ///   ``KafkaError`` when the system refuses a thread.
    public init(
        _ configuration: KafkaConfiguration, key: KeySelector = .none,
        configuration options: Configuration = Configuration(), logger: Logger = Logger(label: "sluice.kafka"),
        instruments: Instruments? = nil
    ) throws {
        try ConfigurationCheck.all(of: "KafkaPublisher") { check in
            check.include { () throws(ConfigurationError) in try configuration.requireSense() }
            check.include { () throws(ConfigurationError) in try options.validate() }
        }
        let meter = instruments.map { ClientMeter($0, component: options.component, .producer) }
        let monitor = ClientMonitor(
            secrets: configuration.secrets, logger: logger, meter: meter, diary: configuration.diary)
        let core: ProducerCore
        do throws(KafkaError) {
            core = try ProducerCore(monitor: monitor, drainTime: options.deliveryTimeout, logger: logger) {
                () throws(KafkaError) in
                try NativeClient(
                    .producer, try options.native(configuration), events: RD_KAFKA_EVENT_DR,
                    callbacks: NativeClient.Callbacks(onSend: ProduceBatch.addHeaders), monitor: monitor)
            }
        } catch {
            throw configuration.refusal(error)
        }
        self.options = options
        self.key = key
        self.core = core
        do {
            transactions = try options.transactionalID.map { _ in
                try Transactions(core, timeout: options.transactionTimeout)
            }
            thread = try WorkerThread(name: "sluice-kafka") { core.run() }
        } catch {
            throw KafkaError(.systemResource, detail: "\(error)")
        }
    }

    deinit {
        core.close()
    }

    /// Whether the cluster can be reached.
    public var connectionState: KafkaConnectionState { core.monitor.connectionState }

    /// librdkafka's figures; nil until the first interval is over.
    public var statistics: KafkaStatistics? { core.monitor.statistics }

    /// Returns when the brokers have taken the messages; with a `transactionalID`, when the transaction that holds just
    /// these is committed.
    ///
    /// A cancelled publish returns at once; what it had given to the producer by then may still be published.
    /// - Throws: `PublishError` with the messages that were not accepted, each tried for `deliveryTimeout`;
    ///   ``KafkaError`` for a topic that Kafka takes no messages for; `ClosedError`; `CancellationError`.
    public func publish(_ messages: [Message], to topic: Topic) async throws {
        try topic.validateForKafka()
        try Task.checkCancellation()
        guard !messages.isEmpty else { return }
        guard let transactions else {
            let client = try core.enter()
            return try await publish(messages, to: topic, by: client)
        }
        do {
            try await transactions.run(self) { try await $0.publish(messages, to: topic) }
        } catch let error as PublishError {
            // What the brokers took is aborted with the rest.
            throw PublishError(notAccepted: messages.map(\.id), underlying: error.underlying)
        }
    }

    /// - Parameter client: entered for this call, which leaves it.
    func publish(_ messages: [Message], to topic: Topic, by client: ProducerClient) async throws {
        let handle: TopicHandle
        do {
            handle = try client.topic(topic.name)
        } catch {
            client.leave()
            throw error
        }
        let call = PublishCall(messages.count, client)
        if messages.count < ProducerExecutor.worthwhileCount {
            await produce(messages, to: topic, handle, by: client, call)
        } else {
            await withTaskExecutorPreference(client.executor) {
                await produce(messages, to: topic, handle, by: client, call)
            }
        }
        await call.wait()
        try call.outcome(for: messages)
    }

    private func produce(
        _ messages: [Message], to topic: Topic, _ handle: TopicHandle, by client: ProducerClient, _ call: PublishCall
    ) async {
        var production = Production(messages, topic, handle, publisher: self, client: client, call: call)
        await production.run()
    }

    /// Waits for what is being published, at most `deliveryTimeout`; what is left then fails. Afterwards the
    /// connections are closed. A transaction is waited for until its body returns.
    public func close() async {
        core.close()
        await thread.end()
        await transactions?.end()
    }
}
