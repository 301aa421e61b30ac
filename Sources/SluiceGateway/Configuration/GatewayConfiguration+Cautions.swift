import SluiceAMQP
import SluiceKafka

extension GatewayConfiguration {
    /// Passwords and tokens that leave this machine in the clear, one line each; to be logged at start.
    var cautions: [String] {
        var cautions: [String] = []
        if let client = amqp?.client, client.tls == nil, client.hosts.contains(where: { !Self.isHere($0.name) }) {
            cautions.append("AMQP_URI: the password crosses the network in the clear; use amqps://")
        }
        if let client = kafka?.client, client.sendsPlainPassword, client.brokers.contains(where: { !Self.isHere($0) }) {
            cautions.append(
                "KAFKA_SASL_MECHANISM: with plain the password crosses the network in the clear; set KAFKA_TLS=true, "
                    + "or use scram-sha-512")
        }
        if let grafana, Self.isClear(grafana.url) {
            cautions.append("GRAFANA_URL: the credentials cross the network in the clear; use https://")
        }
        if let slackWebhookURL, Self.isClear(slackWebhookURL.reveal()) {
            cautions.append("SLACK_WEBHOOK_URL: the address, a secret, crosses the network in the clear; use https://")
        }
        return cautions
    }

    private static func isClear(_ url: String) -> Bool {
        guard url.lowercased().hasPrefix("http://") else { return false }
        return !isHere(String(url.dropFirst("http://".count).prefix { $0 != "/" && $0 != "?" }))
    }

    /// - Parameter address: a host, with a port or without.
    private static func isHere(_ address: String) -> Bool {
        if BindAddress(host: address, port: 0).isLoopback { return true }
        return (BindAddress(address) ?? BindAddress("\(address):0"))?.isLoopback ?? false
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
