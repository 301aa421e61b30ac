import Sluice

extension KafkaConfiguration {
    /// What librdkafka refuses of a configuration, as a `ConfigurationError` that names the field by which it was set; any
    /// other error as it is.
    func refusal(_ error: KafkaError) -> any Error {
        guard error.code == .invalidConfiguration else { return error }
        let property = NativeConfiguration.property(in: error.detail, or: properties)
        let field =
            switch property {
            case let name? where properties[name] != nil: "KafkaConfiguration.properties[\(name)]"
            case let name?: Self.fields[name] ?? "KafkaConfiguration.properties[\(name)]"
            case nil: "KafkaConfiguration"
            }
        return ConfigurationError(field, expected: "what librdkafka takes: \(error.detail)")
    }

    /// The fields that properties are made of.
    private static let fields: [String: String] = [
        "bootstrap.servers": "KafkaConfiguration.brokers", "client.id": "KafkaConfiguration.clientID",
        "statistics.interval.ms": "KafkaConfiguration.statisticsInterval",
        "ssl.ca.location": "KafkaConfiguration.tls.certificateAuthorities",
        "ssl.certificate.location": "KafkaConfiguration.tls.certificate",
        "ssl.key.location": "KafkaConfiguration.tls.key",
        "ssl.key.password": "KafkaConfiguration.tls.keyPassword",
        "sasl.mechanism": "KafkaConfiguration.sasl.mechanism", "sasl.mechanisms": "KafkaConfiguration.sasl.mechanism",
        "sasl.username": "KafkaConfiguration.sasl.username", "sasl.password": "KafkaConfiguration.sasl.password",
        "compression.type": "KafkaPublisher.compression", "compression.codec": "KafkaPublisher.compression",
        "partitioner": "KafkaPublisher.partitioner", "linger.ms": "KafkaPublisher.linger",
        "queue.buffering.max.ms": "KafkaPublisher.linger",
        "delivery.timeout.ms": "KafkaPublisher.deliveryTimeout", "message.timeout.ms": "KafkaPublisher.deliveryTimeout",
        "queue.buffering.max.messages": "KafkaPublisher.queuedMessages",
        "queue.buffering.max.kbytes": "KafkaPublisher.queuedBytes",
        "transactional.id": "KafkaPublisher.transactionalID",
        "transaction.timeout.ms": "KafkaPublisher.transactionTimeout",
        "session.timeout.ms": "KafkaSubscriber.sessionTimeout",
        "heartbeat.interval.ms": "KafkaSubscriber.heartbeatInterval",
        "max.poll.interval.ms": "KafkaSubscriber.maxPollInterval",
        "queued.min.messages": "KafkaSubscriber.prefetchMessages",
        "queued.max.messages.kbytes": "KafkaSubscriber.prefetchKilobytes", "group.id": "KafkaSubscriber.group",
    ]
}

extension NativeConfiguration {
    /// The first property that librdkafka names in what it says; it may be one of those that were asked for and do not exist.
    static func property(in text: String, or wanted: [String: String]) -> String? {
        let words = text.split { !$0.isPartOfProperty }
        for word in words {
            // The end of a sentence is none of its name.
            let name = String(word.last == "." ? word.dropLast() : word)
            if wanted[name] != nil { return name }
            if name.contains(".") || name == "partitioner", knows(name) { return name }
        }
        return nil
    }
}

extension Character {
    fileprivate var isPartOfProperty: Bool {
        isASCII && (isLowercase || isNumber || self == "." || self == "_")
    }
}
