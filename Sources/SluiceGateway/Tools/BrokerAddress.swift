public import Foundation
public import SluiceAMQP
public import SluiceKafka

/// Which broker a tool talks to, as it is given on the command line.
public enum BrokerAddress: Sendable {
    /// `sqlite:PATH`: the embedded log in this file, or in this data directory of a gateway.
    case sqlite(path: String)
    /// `kafka://HOST:PORT,…`: the cluster that these brokers belong to; TLS, SASL and properties as the gateway's
    /// variables say. `kafka:` alone takes `KAFKA_BROKERS` too.
    case kafka(KafkaConfiguration)
    /// `amqp://…` or `amqps://…`: RabbitMQ; the topic is a durable queue. `amqp:` alone takes `AMQP_URI`, which keeps
    /// the password off the command line.
    case amqp(AMQPConfiguration)
    /// `http://HOST:PORT`: to publish, where each message is posted; to consume, where requests are taken in. The topic
    /// is the path.
    case http(String)

    /// What an address may be, in words.
    public static let forms = """
        sqlite:PATH (a gateway's data directory or its log), kafka://HOST:PORT,… (with the KAFKA_… variables), \
        amqp://USER:PASSWORD@HOST/VHOST (or amqp: alone for AMQP_URI), or http://HOST:PORT
        """

    /// - Throws: ``ToolError`` that says what is expected, without the address, which may hold a password.
    public init(
        _ text: String, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(ToolError) {
        guard let colon = text.firstIndex(of: ":") else { throw Self.unknown }
        let rest = String(text[text.index(after: colon)...])
        let target = rest.hasPrefix("//") ? String(rest.dropFirst(2)) : rest
        switch text[..<colon].lowercased() {
        case "sqlite":
            guard !target.isEmpty else { throw ToolError("sqlite: expected a path behind it") }
            self = .sqlite(path: target)
        case "kafka":
            self = .kafka(try Self.kafka(target, environment))
        case "amqp", "amqps":
            self = .amqp(try Self.amqp(target.isEmpty ? environment["AMQP_URI"] ?? "" : text))
        case "http", "https":
            guard WebAddress.isValid(text) else {
                throw ToolError("http: expected http://HOST:PORT, without user or password")
            }
            self = .http(text.hasSuffix("/") ? String(text.dropLast()) : text)
        default:
            throw Self.unknown
        }
    }

    private static let unknown = ToolError("expected \(forms)")

    private static func kafka(
        _ brokers: String, _ environment: [String: String]
    ) throws(ToolError) -> KafkaConfiguration {
        var environment = environment
        if !brokers.isEmpty { environment["KAFKA_BROKERS"] = brokers }
        var values = ConfigurationValues(environment)
        let kafka = KafkaOptions.read(&values)
        guard let kafka, values.problems.isEmpty else {
            throw ToolError(values.problems.first ?? "kafka: expected kafka://HOST:PORT, or KAFKA_BROKERS to be set")
        }
        return kafka.client
    }

    private static func amqp(_ uri: String) throws(ToolError) -> AMQPConfiguration {
        let configuration: AMQPConfiguration
        do {
            configuration = try AMQPConfiguration(uri: uri)
        } catch {
            throw ToolError("amqp: expected amqp://USER:PASSWORD@HOST:PORT/VHOST, or AMQP_URI to be set: \(error)")
        }
        var values = ConfigurationValues([:])
        DeploymentsOptions.checkFiles(of: configuration, &values)
        if let problem = values.problems.first { throw ToolError(problem) }
        return configuration
    }
}
