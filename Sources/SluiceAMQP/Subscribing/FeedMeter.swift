import Sluice

/// What a subscription counts beside its connection.
final class FeedMeter: Sendable {
    private let waiting: CounterHandle
    private let held: CounterHandle
    private let errors: CounterFamily

    init(_ instruments: Instruments, component: String) {
        let labels = [("component", component)]
        waiting = instruments.counter(.amqpRetries, labels + [("how", "queue")])
        held = instruments.counter(.amqpRetries, labels + [("how", "client")])
        errors = instruments.counters(
            .amqpErrors, labels, known: ["amqp_undecodable", "amqp_too_large"])
    }

    func waitsInQueue() {
        waiting.increment()
    }

    func waitsHere() {
        held.increment()
    }

    func failed(_ error: AMQPError) {
        errors.increment(error.reason)
    }
}

extension Metric {
    static let amqpSubscribing = [amqpRetries]

    static let amqpRetries = counter(
        "sluice_amqp_retry_messages_total",
        labels: [.component, Label("how", "where the message waits", values: ["queue", "client"])],
        help: "Rejected messages that wait for their redelivery.")
}
