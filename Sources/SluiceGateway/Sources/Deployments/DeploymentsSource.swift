package import Sluice

/// Turns the messages of deploy tools into events: `{"commit_id", "env", "timestamp"}`, optionally with `service`,
/// `repository`, and `result` (`success` unless it is `failure`). They come over HTTP, and over RabbitMQ where it is set.
public struct DeploymentsSource: SourceOptions {
    /// What deploy tools authenticate with; nil takes in unsigned messages, see
    /// ``GatewayConfiguration/allowsUnsigned``.
    public var token: Secret?
    /// RabbitMQ as another way for deployments to come in. Default nil.
    public var amqp: AMQP?

    public init(token: Secret? = nil, amqp: AMQP? = nil) {
        self.token = token
        self.amqp = amqp
    }

    /// The timestamp is an RFC 3339 string, or a number of seconds or milliseconds since 1970. Numbers below 10^11
    /// are seconds (until the year 5138); they may have a fraction.
    /// - Throws: ``SourceError`` that names the member at fault.
    package static func read(_ message: Message) throws(SourceError) -> Event {
        var fields = Fields()
        do {
            try fields.read(message.payload)
        } catch {
            throw SourceError("the body is not the JSON of a deployment: \(error)")
        }
        guard let commit = fields.commit.flatMap(EventField.commit) else {
            throw SourceError("commit_id is not a commit's hash (4 to 64 hexadecimal digits)")
        }
        guard let env = fields.env.flatMap(EventField.name) else {
            throw SourceError("env is not 1 to \(EventField.maximumName) bytes of plain text")
        }
        guard let time = fields.time else {
            throw SourceError("timestamp is neither an RFC 3339 time nor seconds or milliseconds since 1970")
        }
        let deployment = Deployment(
            id: commit, env: env, occurredOn: time, service: try optional(fields.service, "service"),
            repository: try optional(fields.repository, "repository"))
        switch fields.result {
        case nil, "success": return .commitDeployed(deployment)
        case "failure": return .deploymentFailed(deployment)
        default: throw SourceError("result is neither success nor failure")
        }
    }

    /// What a deploy tool would send of a deployment.
    static func message(_ deployment: Deployment, id: MessageID) -> Message {
        Message(
            id: id,
            payload: JSONWriter.object { json in
                json.member("commit_id", deployment.id)
                json.member("env", deployment.env)
                json.member("timestamp", RFC3339.format(deployment.occurredOn))
                json.member("service", ifPresent: deployment.service)
                json.member("repository", ifPresent: deployment.repository)
            })
    }

    private static func optional(_ text: String?, _ field: String) throws(SourceError) -> String? {
        guard let text, !text.isEmpty else { return nil }
        guard let name = EventField.name(text) else {
            throw SourceError("\(field) is not at most \(EventField.maximumName) bytes of plain text")
        }
        return name
    }

    private struct Fields {
        var commit: String?
        var env: String?
        var time: Timestamp?
        var service: String?
        var repository: String?
        var result: String?

        mutating func read(_ payload: [UInt8]) throws(JSONError) {
            try JSONReader.read(payload) { (reader) throws(JSONError) in
                try reader.object { (key, reader) throws(JSONError) in
                    if key == "commit_id" {
                        commit = try reader.stringOrNull()
                    } else if key == "env" {
                        env = try reader.stringOrNull()
                    } else if key == "timestamp" {
                        time = try EventTime.read(&reader)
                    } else if key == "service" {
                        service = try reader.stringOrNull()
                    } else if key == "repository" {
                        repository = try reader.stringOrNull()
                    } else if key == "result" {
                        result = try reader.stringOrNull()
                    }
                }
            }
        }
    }
}
