import Sluice
public import SluiceKafka

extension GatewayConfiguration {
    /// Kafka as the queue in the middle.
    public struct Kafka: Sendable {
        /// The cluster.
        public var client: KafkaConfiguration
        /// Where events go. What cannot be delivered goes to the topic of this name and `-poison`. Default `events`.
        public var topic = "events"
        /// What the names of the consumer groups begin with: gateways of one name share the work. Default `sluice`.
        public var group = "sluice"
        /// Of topics that are created. Default 6.
        public var partitions: Int32 = 6
        /// Of topics that are created; nil leaves it to the brokers. Default nil.
        public var replication: Int16?

        /// Whether topics that are missing are created. Default true.
        public var createsTopics = true

        /// How often settled offsets are committed. Default 1 s.
        package var commitInterval: Duration = .seconds(1)

        public init(_ client: KafkaConfiguration) {
            self.client = client
        }
    }
}

extension GatewayConfiguration.Kafka {
    /// The topics as they shall be.
    /// - Parameters:
    ///   - retention: of events; nil keeps them for ever. What was poisoned waits for a person.
    ///   - poisonBytes: how much is kept of what cannot be delivered, as in the embedded log: the newest.
    func plans(retention: Duration?, poisonBytes: Int64) -> [KafkaTopicPlan] {
        // What a producer sends has to fit, with what it adds to the batch.
        let largest = (client.properties["message.max.bytes"].flatMap { Int($0) } ?? 0).addingReportingOverflow(65_536)
        func plan(_ topic: String, _ retention: Duration?, bytes: Int64?) -> KafkaTopicPlan {
            KafkaTopicPlan(
                Topic(topic), partitions: partitions, replication: replication, retention: retention, bytes: bytes,
                largestMessage: largest.overflow ? 0 : largest.partialValue)
        }
        return [plan(topic, retention, bytes: nil), plan("\(topic)-poison", nil, bytes: poisonBytes)]
    }
}

extension ConfigurationValues {
    /// Nil without `KAFKA_BROKERS`.
    mutating func kafka() -> GatewayConfiguration.Kafka? {
        let brokers = read(
            .kafkaBrokers, "host:port, without user or password: these are KAFKA_USERNAME's and KAFKA_PASSWORD's"
        ) {
            // librdkafka would take them for a part of the host's name, and log it.
            $0.contains("@") ? nil : $0.split(separator: ",").map { String($0.filter { !$0.isWhitespace }) }
        }
        var kafka = GatewayConfiguration.Kafka(KafkaConfiguration(brokers: brokers ?? []))
        kafka.topic = kafkaName(.kafkaTopic) ?? kafka.topic
        kafka.group = kafkaName(.kafkaGroup) ?? kafka.group
        kafka.partitions = integer(.kafkaPartitions, 1...10_000).map { Int32($0) } ?? kafka.partitions
        kafka.replication = integer(.kafkaReplication, 1...100).map { Int16($0) }
        kafka.createsTopics = boolean(.kafkaCreateTopics) ?? true
        kafka.client.tls = kafkaTLS()
        kafka.client.sasl = kafkaSASL()
        kafka.client.properties = properties(.kafkaProperties) ?? [:]
        guard brokers != nil else {
            let others: [ConfigurationVariable] = [
                .kafkaUsername, .kafkaPassword, .kafkaTLSCA, .kafkaTLSCertificate, .kafkaTLSKey,
                .kafkaTLSKeyPassword, .kafkaProperties,
            ]
            if others.contains(where: isSet) { warnings.append("KAFKA_… is set without KAFKA_BROKERS: no Kafka") }
            return nil
        }
        let count = problems.count
        checkFiles(of: &kafka.client)
        // What is known to be wrong librdkafka would only say again, in OpenSSL's words.
        guard problems.count == count else { return kafka }
        do {
            try kafka.client.validate()
        } catch {
            let isOfProperties = kafka.client.properties.keys.contains { error.detail.contains($0) }
            let variable: ConfigurationVariable = isOfProperties ? .kafkaProperties : .kafkaBrokers
            problems.append(
                "\(variable.name): expected a configuration that librdkafka takes: \(Self.withoutOpenSSL(error.detail))"
            )
        }
        return kafka
    }

    private mutating func kafkaTLS() -> KafkaConfiguration.TLS? {
        let isOn = boolean(.kafkaTLS) ?? false
        var tls = KafkaConfiguration.TLS(certificateAuthorities: path(.kafkaTLSCA))
        tls.certificate = path(.kafkaTLSCertificate)
        tls.key = path(.kafkaTLSKey)
        tls.keyPassword = secret(.kafkaTLSKeyPassword)?.reveal()
        let parts: [ConfigurationVariable] = [.kafkaTLSCA, .kafkaTLSCertificate, .kafkaTLSKey, .kafkaTLSKeyPassword]
        let isConfigured = parts.contains(where: isSet)
        if isConfigured, isSet(.kafkaTLS), !isOn {
            problems.append("KAFKA_TLS: expected true, because certificates are set")
            return nil
        }
        return isOn || isConfigured ? tls : nil
    }

    /// Reads what certificates and keys are to be used, wherever they are named.
    private mutating func checkFiles(of client: inout KafkaConfiguration) {
        let protocolName = client.properties["security.protocol"]?.lowercased()
        guard protocolName.map({ $0.hasSuffix("ssl") }) ?? (client.tls != nil) else { return }
        func part(_ variable: ConfigurationVariable, _ value: String?, _ property: String) -> TLSFiles.Part? {
            if let own = client.properties[property] {
                return .init("\(ConfigurationVariable.kafkaProperties.name): \(property)", own)
            }
            return .init(variable.name, value)
        }
        var files = TLSFiles()
        files.authorities = part(.kafkaTLSCA, client.tls?.certificateAuthorities, "ssl.ca.location")
        // librdkafka asks OpenSSL for its own where it is told so.
        if files.authorities?.value == "probe" { files.authorities = nil }
        files.certificate = part(.kafkaTLSCertificate, client.tls?.certificate, "ssl.certificate.location")
        files.key = part(.kafkaTLSKey, client.tls?.key, "ssl.key.location")
        files.keyPassword = part(.kafkaTLSKeyPassword, client.tls?.keyPassword, "ssl.key.password")
        // Given in other forms, which librdkafka checks.
        let others = ["ssl.certificate.pem", "ssl.key.pem", "ssl.keystore.location", "ssl.engine.location"]
        if others.contains(where: { client.properties[$0] != nil }) {
            (files.certificate, files.key, files.keyPassword) = (nil, nil, nil)
        }
        files.check(names: (ConfigurationVariable.kafkaTLSCertificate.name, ConfigurationVariable.kafkaTLSKey.name))
        problems += files.problems
        warnings += files.warnings
    }

    /// What librdkafka says, without what it quotes: `error:0B080074:x509 certificate routines::…`.
    private static func withoutOpenSSL(_ text: String) -> String {
        guard let quote = text.firstRange(of: "error:") else { return text }
        let rest = text[..<quote.lowerBound]
        return String(rest.trimmingSuffix(while: { $0 == ":" || $0 == " " }))
    }

    private mutating func kafkaSASL() -> KafkaConfiguration.SASL? {
        let mechanisms: [KafkaConfiguration.SASL.Mechanism] = [.plain, .scramSHA256, .scramSHA512]
        let mechanism = choice(.kafkaSASL, mechanisms) { $0.name.lowercased() }
        switch (text(.kafkaUsername), secret(.kafkaPassword)) {
        case (nil, nil):
            // Set on purpose, it would be ignored.
            if mechanism != nil, isSet(.kafkaBrokers) {
                problems.append("KAFKA_USERNAME: expected a value, and KAFKA_PASSWORD, beside KAFKA_SASL_MECHANISM")
            }
        case (let username?, let password?):
            return KafkaConfiguration.SASL(mechanism ?? .plain, username: username, password: password.reveal())
        case (nil, _?):
            problems.append("KAFKA_USERNAME: expected a value beside KAFKA_PASSWORD")
        case (_?, nil):
            problems.append("KAFKA_PASSWORD: expected a value beside KAFKA_USERNAME")
        }
        return nil
    }

    /// The name of a topic or of a group, by the rules of topics (`org.apache.kafka.common.internals.Topic`).
    private mutating func kafkaName(_ variable: ConfigurationVariable) -> String? {
        read(variable, "1 to 200 of the characters a-z, A-Z, 0-9, '.', '_' and '-'") { text in
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

    private mutating func properties(_ variable: ConfigurationVariable) -> [String: String]? {
        read(
            variable,
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

extension Substring {
    fileprivate func trimmingSuffix(while isTrimmed: (Character) -> Bool) -> Substring {
        var text = self
        while let last = text.last, isTrimmed(last) { text.removeLast() }
        return text
    }
}
