import Sluice

/// The metrics of one client. All of its series exist at 0 from the start.
final class ClientMeter: Sendable {
    private let up: GaugeHandle
    private let reconnects: CounterHandle
    private let brokersUp: GaugeHandle
    private let errors: LabelledCounters
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
        errors = LabelledCounters(
            instruments, .kafkaBrokerErrors, labels, label: "reason",
            known: ["kafka_transport", "kafka_all_brokers_down"])
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
