public import Sluice

extension KafkaPublisher {
    /// How messages are published. librdkafka's properties behind each are named; `KafkaConfiguration.properties`
    /// override them.
    public struct Configuration: Sendable {
        /// How batches are compressed (`compression.type`). Default: not at all.
        public var compression: Compression
        /// How long the first message of a batch waits for others (`linger.ms`). Default 2 ms; from 0 to 15 min. More
        /// makes larger batches, and less a publish that returns earlier.
        ///
        /// librdkafka 2.0 does not sleep through the last of these milliseconds: with 1 it takes a processor for as long
        /// as something is published, and without any it sends whatever has come, however small. Both are slower than 3
        /// on a machine that is busy.
        public var linger: Duration
        /// How long a message is tried, from `publish` on, before it counts as not accepted (`delivery.timeout.ms`).
        /// Default 30 s: brokers elect new leaders in less. From 1 ms, more than `linger`, to 24 days.
        public var deliveryTimeout: Duration
        /// How many messages may wait for brokers; more wait in `publish` (`queue.buffering.max.messages`). Default
        /// 100,000; from 1.
        public var queuedMessages: Int
        /// How many bytes of payload may wait for brokers; more wait in `publish` (`queue.buffering.max.kbytes`).
        /// Default 64 MiB; at least one message of the largest size (`message.max.bytes`, 1 MB unless configured).
        public var queuedBytes: Int
        /// How a key chooses its partition (`partitioner`). Default ``Partitioner/fnv1a``, Watermill's. Producers that
        /// share keys have to agree.
        public var partitioner: Partitioner
        /// The time that a record gets whose marshaler gives it none; the default is the time of the publish.
        public var timestamp: @Sendable (Message) -> Timestamp?
        /// Turns messages into records. Default: Watermill's form.
        public var marshaler: any KafkaMarshaler
        /// Whether publishing to a topic that does not exist creates it, as the brokers are configured
        /// (`allow.auto.create.topics`). Default true.
        public var createsMissingTopics: Bool
        /// The name under which transactions are made (`transactional.id`), one that no other live publisher uses:
        /// a later publisher with the same one fences off the earlier. Default nil: no transactions.
        public var transactionalID: String?
        /// After how long brokers abort a transaction that is not ended (`transaction.timeout.ms`). Default 60 s;
        /// from 1 s to the brokers' own limit, 15 min unless configured.
        public var transactionTimeout: Duration
        /// The label `component` of its metrics. Default `kafka-publisher`; publishers with the same one share series.
        public var component: String

        public init(
            compression: Compression = .none,
            linger: Duration = .milliseconds(2),
            deliveryTimeout: Duration = .seconds(30),
            queuedMessages: Int = 100_000,
            queuedBytes: Int = 64 << 20,
            partitioner: Partitioner = .fnv1a,
            timestamp: @escaping @Sendable (Message) -> Timestamp? = { _ in nil },
            marshaler: any KafkaMarshaler = .watermill,
            createsMissingTopics: Bool = true,
            transactionalID: String? = nil,
            transactionTimeout: Duration = .seconds(60),
            component: String = "kafka-publisher"
        ) {
            self.compression = compression
            self.linger = linger
            self.deliveryTimeout = deliveryTimeout
            self.queuedMessages = queuedMessages
            self.queuedBytes = queuedBytes
            self.partitioner = partitioner
            self.timestamp = timestamp
            self.marshaler = marshaler
            self.createsMissingTopics = createsMissingTopics
            self.transactionalID = transactionalID
            self.transactionTimeout = transactionTimeout
            self.component = component
        }

        /// A way to compress.
        public struct Compression: Sendable, Hashable {
            /// librdkafka's name for it.
            public let name: String

            public static let none = Compression(name: "none")
            public static let gzip = Compression(name: "gzip")
            public static let snappy = Compression(name: "snappy")
            public static let lz4 = Compression(name: "lz4")
            public static let zstd = Compression(name: "zstd")
        }

        /// A way to choose the partition of a key. Messages without a key go anywhere, a batch at a time.
        public struct Partitioner: Sendable, Hashable {
            /// librdkafka's name for it.
            public let name: String

            /// That of Sarama, and so of Watermill.
            public static let fnv1a = Partitioner(name: "fnv1a_random")
            /// That of Kafka's own clients in Java.
            public static let murmur2 = Partitioner(name: "murmur2_random")
            /// That of librdkafka and what is built on it.
            public static let crc32 = Partitioner(name: "consistent_random")
        }
    }
}

extension KafkaPublisher.Configuration {
    /// The native configuration of a producer.
    func native(_ configuration: KafkaConfiguration) throws(KafkaError) -> NativeConfiguration {
        var options = [
            ("enable.idempotence", "true"), ("acks", "all"),
            ("compression.type", compression.name), ("partitioner", partitioner.name),
            ("linger.ms", "\(linger.inSeconds * 1_000)"), ("delivery.timeout.ms", deliveryTimeout.milliseconds),
            ("queue.buffering.max.messages", String(queuedMessages)),
            ("queue.buffering.max.kbytes", String(queuedBytes >> 10)),
            ("allow.auto.create.topics", createsMissingTopics ? "true" : "false"),
            // A topic that was deleted, and made again, is found within this time.
            ("topic.metadata.refresh.interval.ms", createsMissingTopics ? "300000" : "10000"),
            // A small request must not wait for the acknowledgement of the last.
            ("socket.nagle.disable", "true"),
        ]
        // Every message is waited for.
        var required = [("delivery.report.only.error", "false")]
        if let transactionalID {
            options.append(("transaction.timeout.ms", transactionTimeout.milliseconds))
            required.append(("transactional.id", transactionalID))
        }
        let native = try configuration.native(options: options, required: required)
        // A message that never fits would wait for ever.
        guard let largest = native.number("message.max.bytes"), let room = native.number("queue.buffering.max.kbytes"),
            largest <= room << 10
        else {
            throw KafkaError(
                .invalidConfiguration, detail: "queue.buffering.max.kbytes must not be less than message.max.bytes")
        }
        return native
    }

    func validate() throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "KafkaPublisher") { check in
            check("linger", linger, in: .zero ... .seconds(900))
            check("deliveryTimeout", deliveryTimeout, in: .milliseconds(1) ... .seconds(24 * 86_400))
            check(
                "deliveryTimeout", deliveryTimeout > linger, expected: "more than linger", value: "\(deliveryTimeout)")
            check("queuedMessages", queuedMessages, in: 1...10_000_000)
            check("queuedBytes", queuedBytes, in: 1_024...(1 << 40))
            check("transactionalID", transactionalID?.isEmpty != true, expected: "a name, or nil")
            check("transactionTimeout", transactionTimeout, in: .seconds(1) ... .milliseconds(Int64(Int32.max)))
        }
    }
}
