/// Metrics of Kafka's clients, from what librdkafka knows by itself.
extension Metric {
    public static let kafka: [Metric] = kafkaArea.metrics

    static let kafkaArea = Area(
        "Kafka", "Only where Kafka is used.",
        [
            kafkaBrokersUp, kafkaBrokerErrors, kafkaRoundTrip, kafkaProducerQueueMessages, kafkaProducerQueueBytes,
            kafkaFetchQueueMessages, kafkaFetchQueueBytes, kafkaRebalances, kafkaTransactions, kafkaTopicDrift,
        ])

    public static let kafkaBrokersUp = gauge(
        "sluice_kafka_brokers_up", [.component], "Brokers that the client is connected to.")
    public static let kafkaBrokerErrors = counter(
        "sluice_kafka_broker_errors_total", [.component, .reason], "Errors that the client reported, by kind.")
    public static let kafkaRoundTrip = gauge(
        "sluice_kafka_round_trip_seconds", [.component],
        "99th percentile of the time from a request to its answer, of the slowest broker, over the last interval of statistics."
    )
    public static let kafkaProducerQueueMessages = gauge(
        "sluice_kafka_producer_queue_messages", [.component],
        "Messages that were given to the client and are not yet taken by a broker.")
    public static let kafkaProducerQueueBytes = gauge(
        "sluice_kafka_producer_queue_bytes", [.component],
        "Bytes of the messages that were given to the client and are not yet taken by a broker.")
    public static let kafkaFetchQueueMessages = gauge(
        "sluice_kafka_fetch_queue_messages", [.component], "Records fetched and not yet taken out of the client.")
    public static let kafkaFetchQueueBytes = gauge(
        "sluice_kafka_fetch_queue_bytes", [.component],
        "Bytes of the records fetched and not yet taken out of the client."
    )
    public static let kafkaRebalances = counter(
        "sluice_kafka_rebalances_total",
        [.component, Label("kind", "what happened to partitions", values: ["assigned", "revoked", "lost"])],
        "Changes to the partitions that a member of a group reads.")
    public static let kafkaTransactions = counter(
        "sluice_kafka_transactions_total",
        [.component, Label("result", "how the transaction ended", values: ["committed", "aborted"])],
        "Transactions ended.")
    public static let kafkaTopicDrift = gauge(
        "sluice_kafka_topic_drift",
        [.topic, Label("setting", "the topic's setting, or `partitions` or `replication`")],
        "1 where a topic exists with another setting than is stated, and is left as it is; 0 where it is as stated.")
}
