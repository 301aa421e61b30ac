/// Metrics of connections to RabbitMQ.
extension Metric {
    public static let amqp: [Metric] = amqpArea.metrics

    static let amqpArea = Area(
        "RabbitMQ", "Only where RabbitMQ is used.",
        [amqpBlocked, amqpUnconfirmed, amqpReturned, amqpRetries, amqpErrors])

    public static let amqpBlocked = gauge(
        "sluice_amqp_connection_blocked", [.component],
        "1 while the broker takes no messages because its memory or disk is used up, else 0.")
    public static let amqpUnconfirmed = gauge(
        "sluice_amqp_unconfirmed_messages", [.component],
        "Messages that were sent and that the broker has not confirmed yet.")
    public static let amqpReturned = counter(
        "sluice_amqp_returned_messages_total", [.component], "Messages that came back because no queue takes them.")
    public static let amqpRetries = counter(
        "sluice_amqp_retry_messages_total",
        [.component, Label("how", "where the message waits", values: ["queue", "client"])],
        "Rejected messages that wait for their redelivery.")
    public static let amqpErrors = counter(
        "sluice_amqp_errors_total", [.component, .reason], "Errors of connections, channels and messages, by kind.")
}
