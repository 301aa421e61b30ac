import SluiceKafka

/// The options of Kafka as the queue.
enum KafkaOptions {
    static let brokers = ConfigurationOption(
        "brokers", "KAFKA_BROKERS",
        OptionFormat<[String]>("host:port, without user or password, which have options of their own") {
            // librdkafka would take them for a part of the host's name, and log it.
            $0.contains("@") ? nil : $0.split(separator: ",").map { String($0.filter { !$0.isWhitespace }) }
        }.shaped(.list), example: .hint("localhost:9092"),
        "`host:port` of some brokers, separated by commas: Kafka instead of the embedded log")
    static let topic = ConfigurationOption(
        "topic", "KAFKA_TOPIC", .kafkaName, default: "events", example: .hint("events"),
        """
        The topic of the events; what cannot be delivered goes to the one with `-poison` behind it, what reports are made from to \
        the one with `-facts`, and jobs that send messages again to the one with `-redrive`
        """)
    static let group = ConfigurationOption(
        "group", "KAFKA_GROUP", .kafkaName, default: "sluice", example: .hint("sluice"),
        "What the consumer groups' names begin with: gateways of one name share the work")
    static let createTopics = ConfigurationOption(
        "create_topics", "KAFKA_CREATE_TOPICS", .boolean, default: "true", example: .hint("true"),
        "Create the topics when they are missing; `false`: they are waited for, and `/readyz` tells the command")
    static let partitions = ConfigurationOption(
        "partitions", "KAFKA_PARTITIONS", .integer(1...10_000), default: "6", example: .hint("6"),
        "Partitions of the topics when they are missing and created")
    static let replication = ConfigurationOption(
        "replication", "KAFKA_REPLICATION", .integer(1...100), example: .hint("3"),
        "Replicas of the topics when they are created; unset: as the brokers are configured")
    static let tls = ConfigurationOption(
        "tls", "KAFKA_TLS", .boolean, default: "false", example: .hint("true"), "Encrypt the connections to Kafka")
    static let authorities = ConfigurationOption(
        "tls_ca", "KAFKA_TLS_CA", .path, example: .hint("/etc/sluice/ca.pem"),
        "A file of certificates in PEM that sign the brokers'; unset: the system's")
    static let certificate = ConfigurationOption(
        "tls_cert", "KAFKA_TLS_CERT", .path, example: .hint("/etc/sluice/client.pem"),
        "Sluice's own certificate in PEM, for brokers that ask for one")
    static let key = ConfigurationOption(
        "tls_key", "KAFKA_TLS_KEY", .path, example: .hint("/etc/sluice/client.key"),
        "The file of that certificate's key in PEM")
    static let keyPassword = ConfigurationOption(
        "tls_key_password", "KAFKA_TLS_KEY_PASSWORD", .secret, isSecret: true, example: .hint(""),
        "What that file is encrypted with")
    static let mechanism = ConfigurationOption(
        "sasl_mechanism", "KAFKA_SASL_MECHANISM",
        OptionFormat<KafkaConfiguration.SASL.Mechanism>.choice([.plain, .scramSHA256, .scramSHA512]) {
            $0.name.lowercased()
        }, default: "plain", example: .hint("scram-sha-512"), "How the password is proven")
    static let username = ConfigurationOption(
        "username", "KAFKA_USERNAME", .text, example: .hint("sluice"),
        "The user name that Sluice shows to the brokers; unset: none")
    static let password = ConfigurationOption(
        "password", "KAFKA_PASSWORD", .secret, isSecret: true, example: .hint(""), "That user's password")
    static let properties = ConfigurationOption(
        "properties", "KAFKA_PROPERTIES", .kafkaProperties.shaped(.pairs), isSecret: true,
        example: .hint("compression.type=zstd,socket.keepalive.enable=true"),
        "Any of librdkafka's properties: `name=value`, separated by commas; a comma in a value may be written `\\,`")

    static let all = [
        brokers.variable, topic.variable, group.variable, createTopics.variable, partitions.variable,
        replication.variable, tls.variable, authorities.variable, certificate.variable, key.variable,
        keyPassword.variable, mechanism.variable, username.variable, password.variable, properties.variable,
    ]
}

extension OptionFormat where Value == String {
    /// The name of a topic or of a group, by the rules of topics (`org.apache.kafka.common.internals.Topic`).
    fileprivate static var kafkaName: Self {
        Self("1 to 200 of the characters a-z, A-Z, 0-9, '.', '_' and '-'") { text in
            let isLegal = text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
            return isLegal && text.utf8.count <= 200 && text != "." && text != ".." ? text : nil
        }
    }
}

extension OptionFormat where Value == [String: String] {
    fileprivate static var kafkaProperties: Self {
        Self(
            "name=value, separated by commas, of properties that librdkafka has; a comma that belongs to a value may be "
                + "written \\,"
        ) { text in
            var properties: [String: String] = [:]
            var name: String?
            for piece in Self.pieces(of: text) {
                // What names no property goes on with the value before it, as in `ssl.cipher.suites=A,B`.
                if let equals = piece.firstIndex(of: "="), equals > piece.startIndex {
                    let key = piece[..<equals].filter { !$0.isWhitespace }
                    // Never repeated: it may be the end of a password that holds a comma.
                    guard KafkaConfiguration.knows(property: key) else { return nil }
                    properties[key] = String(piece[piece.index(after: equals)...])
                    name = key
                } else if !piece.allSatisfy(\.isWhitespace) {
                    guard let name else { return nil }
                    properties[name]? += ",\(piece)"
                }
            }
            return properties
        }
    }

    /// What stands between commas, where a backslash does not make them part of the text.
    private static func pieces(of text: String) -> [String] {
        var pieces = [""]
        var isEscaped = false
        for character in text {
            switch character {
            case "\\" where !isEscaped: isEscaped = true
            case ",":
                if isEscaped { pieces[pieces.count - 1].append(",") } else { pieces.append("") }
                isEscaped = false
            default:
                // Before anything else a backslash is itself.
                if isEscaped { pieces[pieces.count - 1].append("\\") }
                isEscaped = character == "\\"
                if !isEscaped { pieces[pieces.count - 1].append(character) }
            }
        }
        if isEscaped { pieces[pieces.count - 1].append("\\") }
        return pieces
    }
}
