import Sluice
import SluiceKafka

extension KafkaOptions {
    /// Means nothing without ``brokers``.
    private static let dependent = [
        username.variable, password.variable, authorities.variable, certificate.variable, key.variable,
        keyPassword.variable, properties.variable,
    ]

    /// Nil without brokers.
    static func read(_ values: inout ConfigurationValues) -> GatewayConfiguration.Kafka? {
        let brokers = values.read(Self.brokers)
        var kafka = GatewayConfiguration.Kafka(KafkaConfiguration(brokers: brokers ?? []))
        kafka.topic = values.read(topic) ?? kafka.topic
        kafka.group = values.read(group) ?? kafka.group
        kafka.partitions = values.read(partitions).map { Int32($0) } ?? kafka.partitions
        kafka.replication = values.read(replication).map { Int16($0) }
        kafka.createsTopics = values.read(createTopics) ?? kafka.createsTopics
        kafka.leavesTopics = values.setting(createTopics, to: "false")
        kafka.client.tls = readTLS(&values)
        kafka.client.sasl = readSASL(&values)
        kafka.client.properties = values.read(properties) ?? [:]
        guard brokers != nil else {
            if dependent.contains(where: values.isSet) {
                values.warn("KAFKA_… is set without KAFKA_BROKERS: no Kafka")
            }
            return nil
        }
        let count = values.problems.count
        checkFiles(of: kafka.client, &values)
        // What is known to be wrong librdkafka would only say again, in OpenSSL's words.
        guard values.problems.count == count else { return kafka }
        do {
            try kafka.client.validate()
        } catch {
            let refused = error as? ConfigurationError
            let isOfProperties = refused?.field.hasPrefix("KafkaConfiguration.properties[") == true
            let variable = isOfProperties ? properties.variable : Self.brokers.variable
            values.add("\(values.name(variable)): expected \(withoutOpenSSL(refused?.expected ?? "\(error)"))")
        }
        return kafka
    }

    private static func readTLS(_ values: inout ConfigurationValues) -> KafkaConfiguration.TLS? {
        let isOn = values.read(tls) ?? false
        var files = KafkaConfiguration.TLS(certificateAuthorities: values.read(authorities))
        files.certificate = values.read(certificate)
        files.key = values.read(key)
        files.keyPassword = values.read(keyPassword)?.reveal()
        let parts = [authorities.variable, certificate.variable, key.variable, keyPassword.variable]
        let isConfigured = parts.contains(where: values.isSet)
        if isConfigured, values.isSet(tls), !isOn {
            values.refuse(tls, expected: "true, because certificates are set")
            return nil
        }
        return isOn || isConfigured ? files : nil
    }

    /// Reads which certificates and keys to use, wherever they are named.
    private static func checkFiles(of client: KafkaConfiguration, _ values: inout ConfigurationValues) {
        let protocolName = client.properties["security.protocol"]?.lowercased()
        guard protocolName.map({ $0.hasSuffix("ssl") }) ?? (client.tls != nil) else { return }
        let propertiesName = values.name(properties)
        func part(_ name: String, _ value: String?, _ property: String) -> TLSFiles.Part? {
            if let own = client.properties[property] { return .init("\(propertiesName): \(property)", own) }
            return .init(name, value)
        }
        var files = TLSFiles()
        files.authorities = part(
            values.name(authorities), client.tls?.certificateAuthorities, "ssl.ca.location")
        // librdkafka asks OpenSSL for its own where it is told so.
        if files.authorities?.value == "probe" { files.authorities = nil }
        files.certificate = part(values.name(certificate), client.tls?.certificate, "ssl.certificate.location")
        files.key = part(values.name(key), client.tls?.key, "ssl.key.location")
        files.keyPassword = part(values.name(keyPassword), client.tls?.keyPassword, "ssl.key.password")
        // Given in other forms, which librdkafka checks.
        let others = ["ssl.certificate.pem", "ssl.key.pem", "ssl.keystore.location", "ssl.engine.location"]
        if others.contains(where: { client.properties[$0] != nil }) {
            (files.certificate, files.key, files.keyPassword) = (nil, nil, nil)
        }
        files.check(names: (values.name(certificate), values.name(key)))
        values.add(files.problems)
        files.warnings.forEach { values.warn($0) }
    }

    /// What librdkafka says, without what it quotes: `error:0B080074:x509 certificate routines::…`.
    private static func withoutOpenSSL(_ text: String) -> String {
        guard let quote = text.firstRange(of: "error:") else { return text }
        let rest = text[..<quote.lowerBound]
        return String(rest.trimmingSuffix(while: { $0 == ":" || $0 == " " }))
    }

    private static func readSASL(_ values: inout ConfigurationValues) -> KafkaConfiguration.SASL? {
        let chosen = values.read(mechanism)
        let (user, word) = (values.name(username), values.name(password))
        switch (values.read(username), values.read(password)) {
        case (nil, nil):
            // Set on purpose, it would be ignored.
            if chosen != nil, values.isSet(brokers) {
                values.refuse(username, expected: "a value, and \(word), beside \(values.name(mechanism))")
            }
        case (let username?, let password?):
            return KafkaConfiguration.SASL(chosen ?? .plain, username: username, password: password.reveal())
        case (nil, _?): values.refuse(username, expected: "a value beside \(word)")
        case (_?, nil): values.refuse(password, expected: "a value beside \(user)")
        }
        return nil
    }
}

extension Substring {
    fileprivate func trimmingSuffix(while isTrimmed: (Character) -> Bool) -> Substring {
        var text = self
        while let last = text.last, isTrimmed(last) { text.removeLast() }
        return text
    }
}
