import Sluice

/// What a subscription counts beside its connection.
final class FeedMeter: Sendable {
    private let waiting: CounterHandle
    private let held: CounterHandle
    private let errors: LabelledCounters

    init(_ instruments: Instruments, component: String) {
        let labels = [("component", component)]
        waiting = instruments.counter(.amqpRetries, labels + [("how", "queue")])
        held = instruments.counter(.amqpRetries, labels + [("how", "client")])
        errors = LabelledCounters(
            instruments, .amqpErrors, labels, label: "reason", known: ["amqp_undecodable", "amqp_too_large"])
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
