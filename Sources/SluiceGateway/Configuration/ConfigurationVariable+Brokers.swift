/// The variables of the brokers.
extension ConfigurationVariable {
    static let kafkaBrokers = ConfigurationVariable(
        "KAFKA_BROKERS", nil, "`host:port` of some brokers, separated by commas: Kafka instead of the embedded log")
    static let kafkaTopic = ConfigurationVariable(
        "KAFKA_TOPIC", "events",
        "The topic of the events; what cannot be delivered goes to the one with `-poison` behind it")
    static let kafkaGroup = ConfigurationVariable(
        "KAFKA_GROUP", "sluice", "What the consumer groups' names begin with: gateways of one name share the work")
    static let kafkaCreateTopics = ConfigurationVariable(
        "KAFKA_CREATE_TOPICS", "true",
        "Create the topics when they are missing; `false`: they are waited for, and `/readyz` tells the command")
    static let kafkaPartitions = ConfigurationVariable(
        "KAFKA_PARTITIONS", "6", "Partitions of the topics when they are missing and created")
    static let kafkaReplication = ConfigurationVariable(
        "KAFKA_REPLICATION", nil, "Replicas of the topics when they are created; unset: as the brokers are configured")
    static let kafkaTLS = ConfigurationVariable(
        "KAFKA_TLS", "false", "Encrypt the connections to Kafka")
    static let kafkaTLSCA = ConfigurationVariable(
        "KAFKA_TLS_CA", nil, "A file of certificates in PEM that sign the brokers'; unset: the system's")
    static let kafkaTLSCertificate = ConfigurationVariable(
        "KAFKA_TLS_CERT", nil, "Sluice's own certificate in PEM, for brokers that ask for one")
    static let kafkaTLSKey = ConfigurationVariable(
        "KAFKA_TLS_KEY", nil, "The file of that certificate's key in PEM")
    static let kafkaTLSKeyPassword = ConfigurationVariable(
        "KAFKA_TLS_KEY_PASSWORD", nil, isSecret: true, "What that file is encrypted with")
    static let kafkaSASL = ConfigurationVariable(
        "KAFKA_SASL_MECHANISM", "plain", "How the password is proven: plain, scram-sha-256 or scram-sha-512")
    static let kafkaUsername = ConfigurationVariable(
        "KAFKA_USERNAME", nil, "The user name that Sluice shows to the brokers; unset: none")
    static let kafkaPassword = ConfigurationVariable(
        "KAFKA_PASSWORD", nil, isSecret: true, "That user's password")
    static let kafkaProperties = ConfigurationVariable(
        "KAFKA_PROPERTIES", nil, isSecret: true,
        "Any of librdkafka's properties: `name=value`, separated by commas; a comma in a value may be written `\\,`")

    static let amqpURI = ConfigurationVariable(
        "AMQP_URI", nil, isSecret: true,
        "`amqp://user:password@host:port/vhost` or `amqps://…` of RabbitMQ; unset: no deployments from there")
    static let amqpQueue = ConfigurationVariable(
        "AMQP_QUEUE", "deployments", "The durable queue whose messages are deployments")
    static let amqpDeclare = ConfigurationVariable(
        "AMQP_DECLARE", "true",
        "Declare that queue when it is missing, and those in which rejected messages wait; false: declare nothing")

    static let brokers: [ConfigurationVariable] = [
        .retention, .poisonRetention, .groupRetention, .ledgerRetention, .kafkaBrokers, .kafkaTopic, .kafkaGroup,
        .kafkaCreateTopics, .kafkaPartitions, .kafkaReplication, .kafkaTLS,
        .kafkaTLSCA, .kafkaTLSCertificate, .kafkaTLSKey, .kafkaTLSKeyPassword, .kafkaSASL, .kafkaUsername,
        .kafkaPassword, .kafkaProperties, .amqpURI, .amqpQueue, .amqpDeclare,
    ]
}
