import Sluice

/// What a publisher counts beside its connection.
final class PublisherMeter: Sendable {
    private let unconfirmedMessages: GaugeHandle
    private let returnedMessages: CounterHandle
    private let errors: CounterFamily

    init(_ instruments: Instruments, component: String) {
        let labels = [("component", component)]
        unconfirmedMessages = instruments.gauge(.amqpUnconfirmed, labels)
        returnedMessages = instruments.counter(.amqpReturned, labels)
        errors = instruments.counters(
            .amqpErrors, labels, known: ["amqp_unroutable", "amqp_refused", "amqp_timed_out"])
    }

    func unconfirmed(_ count: Int) {
        unconfirmedMessages.set(Double(count))
    }

    func returned() {
        returnedMessages.increment()
    }

    func failed(_ error: AMQPError) {
        errors.increment(error.reason)
    }
}

extension Metric {
    static let amqpPublishing = [amqpUnconfirmed, amqpReturned]

    static let amqpUnconfirmed = gauge(
        "sluice_amqp_unconfirmed_messages",
        labels: [.component],
        help: "Messages that were sent and that the broker has not confirmed yet.")
    static let amqpReturned = counter(
        "sluice_amqp_returned_messages_total",
        labels: [.component],
        help: "Messages that came back because no queue takes them.")
}
