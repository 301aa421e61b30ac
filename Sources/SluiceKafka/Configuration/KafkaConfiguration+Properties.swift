import Logging
import Sluice

extension KafkaConfiguration {
    /// librdkafka's properties in the order in which they are set: later ones win.
    /// - Parameters:
    ///   - options: what a publisher or subscriber asks for; `properties` may override it.
    ///   - recent: the same, of properties that older versions of librdkafka do not have, which then go without.
    ///   - required: what the code around the client relies on; `properties` must not touch it.
    func native(
        options: [(String, String)], recent: [(String, String)] = [], required: [(String, String)]
    ) throws(KafkaError) -> NativeConfiguration {
        let secrets = self.secrets
        let configuration = NativeConfiguration()
        for (name, value) in connection + options { try configuration.set(name, value, redacting: secrets) }
        for (name, value) in recent where configuration.text(name) != nil {
            try configuration.set(name, value, redacting: secrets)
        }
        for (name, value) in properties.sorted(by: { $0.key < $1.key }) {
            guard !required.contains(where: { $0.0 == name }) else {
                throw KafkaError(.invalidConfiguration, detail: "properties must not set \(name): Sluice relies on it")
            }
            try configuration.set(name, value, redacting: secrets)
        }
        for (name, value) in required { try configuration.set(name, value, redacting: secrets) }
        return configuration
    }

    /// Whether librdkafka knows a property of this name.
    package static func knows(property name: String) -> Bool { NativeConfiguration.knows(name) }

    /// What no error and no log may show.
    var secrets: SecretTexts {
        let named = properties.filter { SecretTexts.isSecret(property: $0.key) }
        return SecretTexts([sasl?.password, tls?.keyPassword].compactMap(\.self) + named.values)
    }

    /// Whether librdkafka takes it, without connecting: it makes a client that knows of no broker, and gives it up.
    /// - Throws: `ConfigurationError`, which names the field or the property, with librdkafka's own text.
    public func validate() throws {
        try requireSense()
        do throws(KafkaError) {
            let native = try native(options: [], required: [])
            try native.set("bootstrap.servers", "", redacting: secrets)
            let silent = Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }
            let monitor = ClientMonitor(secrets: secrets, logger: silent, meter: nil)
            try NativeClient(.producer, native, monitor: monitor).destroy()
        } catch {
            throw refusal(error)
        }
    }

    func requireSense() throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "KafkaConfiguration") { check in
            check("brokers", !brokers.isEmpty || properties["bootstrap.servers"] != nil, expected: "at least one")
            for (index, broker) in brokers.enumerated() {
                check("brokers[\(index)]", Self.isAddress(broker), expected: "host:port")
            }
            check("statisticsInterval", statisticsInterval, in: .milliseconds(100) ... .seconds(86_400))
            check(
                "tls.key", (tls?.certificate == nil) == (tls?.key == nil), expected: "together with tls.certificate")
        }
    }

    /// librdkafka takes anything here and then cannot connect.
    private static func isAddress(_ text: String) -> Bool {
        guard let colon = text.lastIndex(of: ":"), colon != text.startIndex else { return false }
        let port = UInt16(text[text.index(after: colon)...])
        return port.map { $0 > 0 } == true && text.allSatisfy { !$0.isWhitespace && $0 != "," }
    }

    private var connection: [(String, String)] {
        var list = [
            ("client.id", clientID), ("statistics.interval.ms", statisticsInterval.milliseconds),
            // As in Kafka's own clients. By default it is 10 s, for which librdkafka also sees no message time out.
            ("reconnect.backoff.max.ms", "1000"),
        ]
        if !brokers.isEmpty { list.append(("bootstrap.servers", brokers.joined(separator: ","))) }
        let protocols = ["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
        list.append(("security.protocol", protocols[(tls == nil ? 0 : 1) + (sasl == nil ? 0 : 2)]))
        if let tls {
            let files = [
                ("ssl.ca.location", tls.certificateAuthorities), ("ssl.certificate.location", tls.certificate),
                ("ssl.key.location", tls.key), ("ssl.key.password", tls.keyPassword),
            ]
            for case (let name, let value?) in files { list.append((name, value)) }
            list.append(("ssl.endpoint.identification.algorithm", tls.verifiesHostname ? "https" : "none"))
        }
        if let sasl {
            list += [
                ("sasl.mechanism", sasl.mechanism.name), ("sasl.username", sasl.username),
                ("sasl.password", sasl.password),
            ]
        }
        return list
    }
}

extension Duration {
    /// In whole milliseconds, as librdkafka's properties are written; at least 0.
    var milliseconds: String { String(wholeNanoseconds / 1_000_000) }
}
