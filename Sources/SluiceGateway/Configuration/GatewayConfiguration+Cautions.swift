import SluiceKafka

extension GatewayConfiguration {
    /// Passwords and tokens that leave this machine in the clear, one line each; to be logged at start.
    var cautions: [String] {
        var cautions = sources.flatMap(\.options.cautions)
        if let client = kafka?.client, client.sendsPlainPassword,
            client.brokers.contains(where: { !BindAddress.isHere($0) })
        {
            cautions.append(
                "KAFKA_SASL_MECHANISM: with plain the password crosses the network in the clear; set KAFKA_TLS=true, "
                    + "or use scram-sha-512")
        }
        return cautions + sinks.flatMap(\.options.cautions)
    }
}

extension KafkaConfiguration {
    /// Whether it authenticates with SASL PLAIN on a connection that is not encrypted. Properties win over the rest.
    fileprivate var sendsPlainPassword: Bool {
        let `protocol` = properties["security.protocol"]?.lowercased()
        let isEncrypted = `protocol`.map { $0.hasSuffix("ssl") && !$0.hasSuffix("plaintext") } ?? (tls != nil)
        let mechanism = properties["sasl.mechanisms"] ?? properties["sasl.mechanism"] ?? sasl?.mechanism.name
        let hasPassword = sasl != nil || properties["sasl.password"] != nil
        return !isEncrypted && hasPassword && mechanism?.uppercased() == "PLAIN"
    }
}
