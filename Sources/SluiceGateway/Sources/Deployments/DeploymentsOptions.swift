import Sluice
import SluiceAMQP

/// How deployments are configured.
enum DeploymentsOptions {
    static let token = ConfigurationOption(
        "token", "DEPLOYMENTS_TOKEN", .token, isSecret: true, example: .set(""),
        "The Bearer token that deploy tools send")
    static let uri = ConfigurationOption(
        "amqp.uri", "AMQP_URI", .secret, isSecret: true, example: .hint("amqp://sluice:password@localhost:5672/"),
        "`amqp://user:password@host:port/vhost` or `amqps://…` of RabbitMQ; unset: no deployments from there")
    static let queue = ConfigurationOption(
        "amqp.queue", "AMQP_QUEUE",
        OptionFormat<String>("1 to 255 bytes of plain text that do not begin with amq.") { text in
            EventField.name(text).flatMap { $0.hasPrefix("amq.") ? nil : $0 }
        }, default: "deployments", example: .hint("deployments"),
        "The durable queue whose messages are deployments")
    static let declare = ConfigurationOption(
        "amqp.declare", "AMQP_DECLARE", .boolean, default: "true", example: .hint("true"),
        "Declare that queue when it is missing, and those in which rejected messages wait; false: declare nothing")

    static let all = [token.variable, uri.variable, queue.variable, declare.variable]

    static func read(_ values: inout ConfigurationValues) -> DeploymentsSource {
        let token = values.read(token)
        return DeploymentsSource(token: token, amqp: readAMQP(&values))
    }

    /// Nil without an address.
    private static func readAMQP(_ values: inout ConfigurationValues) -> DeploymentsSource.AMQP? {
        let declares = values.read(declare)
        let queue = values.read(queue)
        guard let address = values.read(uri) else { return nil }
        do {
            var amqp = DeploymentsSource.AMQP(try AMQPConfiguration(uri: address.reveal()))
            if let queue { amqp.queue = queue }
            amqp.declares = declares ?? amqp.declares
            checkFiles(of: amqp.client, &values)
            return amqp
        } catch {
            values.refuse(uri, expected: "amqp://user:password@host:port/vhost or amqps://…: \(error)")
            return nil
        }
    }

    /// Reads the certificates and keys that the options of the URI name.
    static func checkFiles(of client: AMQPConfiguration, _ values: inout ConfigurationValues) {
        guard let tls = client.tls else { return }
        let name = values.name(uri)
        func part(_ option: String, _ value: String?) -> TLSFiles.Part? { .init("\(name): \(option)", value) }
        var files = TLSFiles()
        files.authorities = part("cacertfile", tls.certificateAuthorities)
        files.certificate = part("certfile", tls.certificate)
        files.key = part("keyfile", tls.key)
        files.keyPassword = part("password", tls.keyPassword)
        files.check(names: ("\(name): certfile", "\(name): keyfile"))
        values.add(files.problems)
        files.warnings.forEach { values.warn($0) }
    }
}

extension SourceKind {
    static let deployments = SourceKind(
        "deployments", title: "Deployments", intake: "deployments",
        summary: """
            `{"commit_id", "env", "timestamp"}` and optionally `service`, `repository`, `result` (`success` or \
            `failure`), and for the report `id`, `started`, `version`, `description` and `url`, over HTTP, and over RabbitMQ \
            where it is set
            """,
        authentication: "a Bearer token over HTTP; user and password, or a certificate, over RabbitMQ",
        options: DeploymentsOptions.all, standard: DeploymentsSource(), read: DeploymentsOptions.read)
}
