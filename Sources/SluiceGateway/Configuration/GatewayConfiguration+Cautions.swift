import SluiceKafka

extension GatewayConfiguration {
    /// Passwords and tokens that leave this machine in the clear, one line each; to be logged at start.
    var cautions: [String] {
        var cautions = sources.flatMap { source in
            let kind = Registry.sources.first { $0.isKind(source.options) }
            return source.options.cautions.map { named($0, kind?.options ?? [], "sources", source.name) }
        }
        if let client = kafka?.client, client.sendsPlainPassword,
            client.brokers.contains(where: { !BindAddress.isHere($0) })
        {
            let mechanism = names.name(KafkaOptions.mechanism.variable, in: "queue")
            let tls = names.setting(KafkaOptions.tls.variable, to: "true", in: "queue")
            cautions.append(
                "\(mechanism): with plain the password crosses the network in the clear; set \(tls), or use scram-sha-512"
            )
        }
        return cautions
            + sinks.flatMap { sink in
                let kind = Registry.sinks.first { $0.isKind(sink.options) }
                return sink.options.cautions.map { named($0, kind?.options ?? [], "sinks", sink.name) }
            }
    }

    /// A caution begins with the variable that it is about, or the key of a kind that only a file can have. Where a file says it,
    /// that is a key.
    private func named(
        _ caution: String, _ options: [ConfigurationVariable], _ section: String, _ name: String
    ) -> String {
        guard written.document != nil else { return caution }
        guard let option = options.first(where: { caution.hasPrefix("\($0.name):") }) else {
            return "\(section).\(name).\(caution)"
        }
        return names.name(option, in: section, name) + caution.dropFirst(option.name.count)
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
