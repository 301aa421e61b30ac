public import Sluice

/// The metrics of one connection. All of its series exist at 0 from the start.
final class ConnectionMeter: Sendable {
    private let up: GaugeHandle
    private let reconnects: CounterHandle
    private let blocked: GaugeHandle
    private let errors: CounterFamily

    /// - Parameter component: the label's value; connections with the same one share their series.
    init(_ instruments: Instruments, component: String) {
        let labels = [("component", component)]
        up = instruments.gauge(.connectionUp, labels)
        reconnects = instruments.counter(.reconnects, labels)
        blocked = instruments.gauge(.amqpBlocked, labels)
        errors = instruments.counters(
            .amqpErrors, labels, known: ["amqp_connection_lost", "amqp_unreachable", "amqp_connection_closed"])
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

extension Metric {
    /// Those of connections to RabbitMQ.
    public static let amqp: [Metric] = [amqpBlocked] + amqpPublishing + amqpSubscribing + [amqpErrors]

    static let amqpBlocked = gauge(
        "sluice_amqp_connection_blocked",
        labels: [.component],
        help: "1 while the broker takes no messages because its memory or disk is used up, else 0.")
    static let amqpErrors = counter(
        "sluice_amqp_errors_total",
        labels: [.component, .reason],
        help: "Errors of connections, channels and messages, by kind.")
}
