import Sluice

/// The metrics of one connection. All of its series exist at 0 from the start.
final class ConnectionMeter: Sendable {
    private let up: GaugeHandle
    private let reconnects: CounterHandle
    private let blocked: GaugeHandle
    private let errors: LabelledCounters

    /// - Parameter component: the label's value; connections with the same one share their series.
    init(_ instruments: Instruments, component: String) {
        let labels = [("component", component)]
        up = instruments.gauge(.connectionUp, labels)
        reconnects = instruments.counter(.reconnects, labels)
        blocked = instruments.gauge(.amqpBlocked, labels)
        errors = LabelledCounters(
            instruments, .amqpErrors, labels, label: "reason",
            known: ["amqp_connection_lost", "amqp_unreachable", "amqp_connection_closed"])
    }

    func changed(_ change: ConnectionState.Change) {
        switch change {
        case .connected(let again):
            up.set(1)
            if again { reconnects.increment() }
        case .lost:
            up.set(0)
            blocked.set(0)
        case .blocked: blocked.set(1)
        case .unblocked: blocked.set(0)
        }
    }

    func failed(_ error: AMQPError) {
        errors.increment(error.reason)
    }

    func ended() {
        up.set(0)
        blocked.set(0)
    }
}
