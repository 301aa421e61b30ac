import Sluice

/// What a publisher counts beside its connection.
final class PublisherMeter: Sendable {
    private let unconfirmedMessages: GaugeHandle
    private let returnedMessages: CounterHandle
    private let errors: LabelledCounters

    init(_ instruments: Instruments, component: String) {
        let labels = [("component", component)]
        unconfirmedMessages = instruments.gauge(.amqpUnconfirmed, labels)
        returnedMessages = instruments.counter(.amqpReturned, labels)
        errors = LabelledCounters(
            instruments, .amqpErrors, labels, label: "reason",
            known: ["amqp_unroutable", "amqp_refused", "amqp_timed_out"])
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
