public import Sluice

/// The metrics of one client. All of its series exist at 0 from the start.
final class ClientMeter: Sendable {
    private let up: GaugeHandle
    private let reconnects: CounterHandle
    private let brokersUp: GaugeHandle
    private let errors: CounterFamily
    private let roundTrip: GaugeHandle
    private let queueGauges: [GaugeHandle]
    private let isProducer: Bool
    private let events: [String: CounterHandle]

    /// - Parameter component: the label's value; clients with the same one share their series.
    init(_ instruments: Instruments, component: String, _ kind: NativeClient.Kind) {
        let labels = [("component", component)]
        up = instruments.gauge(.connectionUp, labels)
        reconnects = instruments.counter(.reconnects, labels)
        brokersUp = instruments.gauge(.kafkaBrokersUp, labels)
        errors = instruments.counters(
            .kafkaBrokerErrors, labels, known: ["kafka_transport", "kafka_all_brokers_down"])
        roundTrip = instruments.gauge(.kafkaRoundTrip, labels)
        isProducer = kind == .producer
        let queues: [Metric] =
            isProducer
            ? [.kafkaProducerQueueMessages, .kafkaProducerQueueBytes]
            : [.kafkaFetchQueueMessages, .kafkaFetchQueueBytes]
        queueGauges = queues.map { instruments.gauge($0, labels) }
        let (metric, label, values) =
            isProducer
            ? (Metric.kafkaTransactions, "result", ["committed", "aborted"])
            : (Metric.kafkaRebalances, "kind", ["assigned", "revoked", "lost"])
        events = Dictionary(
            uniqueKeysWithValues: values.map { ($0, instruments.counter(metric, labels + [(label, $0)])) })
    }

    func connectionChanged(_ change: ConnectionState.Change) {
        switch change {
        case .connected(let again):
            up.set(1)
            if again { reconnects.increment() }
        case .lost:
            up.set(0)
            brokersUp.set(0)
        }
    }

    func failed(_ error: KafkaError) {
        errors.increment(error.reason)
    }

    func take(_ statistics: KafkaStatistics) {
        brokersUp.set(Double(statistics.brokersUp))
        // Another client of the same component may have ended since.
        up.set(statistics.brokersUp > 0 ? 1 : 0)
        roundTrip.set(statistics.brokers.values.map(\.roundTrip).max()?.inSeconds ?? 0)
        let fetched = statistics.fetched
        let figures =
            isProducer ? (statistics.queuedMessages, statistics.queuedBytes) : (fetched.messages, fetched.bytes)
        queueGauges[0].set(Double(figures.0))
        queueGauges[1].set(Double(figures.1))
    }

    /// - Parameter event: a rebalance (`assigned`, `revoked`, `lost`) or a transaction (`committed`, `aborted`).
    func count(_ event: String) {
        events[event]?.increment()
    }

    func ended() {
        up.set(0)
        brokersUp.set(0)
        for gauge in queueGauges { gauge.set(0) }
    }
}

extension Metric {
    /// Those of Kafka's clients, from what librdkafka knows by itself.
    public static let kafka: [Metric] = [
        kafkaBrokersUp, kafkaBrokerErrors, kafkaRoundTrip, kafkaProducerQueueMessages, kafkaProducerQueueBytes,
        kafkaFetchQueueMessages, kafkaFetchQueueBytes, kafkaRebalances, kafkaTransactions,
    ]

    static let kafkaBrokersUp = gauge(
        "sluice_kafka_brokers_up",
        labels: [.component],
        help: "Brokers that the client is connected to.")
    static let kafkaBrokerErrors = counter(
        "sluice_kafka_broker_errors_total",
        labels: [.component, .reason],
        help: "Errors that the client reported, by kind.")
    static let kafkaRoundTrip = gauge(
        "sluice_kafka_round_trip_seconds",
        labels: [.component],
        help:
            "99th percentile of the time from a request to its answer, of the slowest broker, over the last interval of statistics."
    )
    static let kafkaProducerQueueMessages = gauge(
        "sluice_kafka_producer_queue_messages",
        labels: [.component],
        help: "Messages that were given to the client and are not yet taken by a broker.")
    static let kafkaProducerQueueBytes = gauge(
        "sluice_kafka_producer_queue_bytes",
        labels: [.component],
        help: "Bytes of the messages that were given to the client and are not yet taken by a broker.")
    static let kafkaFetchQueueMessages = gauge(
        "sluice_kafka_fetch_queue_messages",
        labels: [.component],
        help: "Records fetched and not yet taken out of the client.")
    static let kafkaFetchQueueBytes = gauge(
        "sluice_kafka_fetch_queue_bytes",
        labels: [.component],
        help: "Bytes of the records fetched and not yet taken out of the client.")
    static let kafkaRebalances = counter(
        "sluice_kafka_rebalances_total",
        labels: [.component, Label("kind", "what happened to partitions", values: ["assigned", "revoked", "lost"])],
        help: "Changes to the partitions that a member of a group reads.")
    static let kafkaTransactions = counter(
        "sluice_kafka_transactions_total",
        labels: [.component, Label("result", "how the transaction ended", values: ["committed", "aborted"])],
        help: "Transactions ended.")
}
