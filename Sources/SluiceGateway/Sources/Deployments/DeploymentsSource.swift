package import Sluice

/// Turns the messages of deploy tools into events: `{"commit_id", "env", "timestamp"}`, optionally with `service`,
/// `repository`, and `result` (`success` unless it is `failure`). They come over HTTP, and over RabbitMQ where it is set.
///
/// For the report of deployments they may also have `id` (what the tool calls the deployment: told twice, it counts once),
/// `started`, `version`, `description` and `url`. Of these, what cannot be kept is left out.
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
        try reading(message).event
    }

    /// The event, and what is kept of the deployment beside it.
    static func reading(_ message: Message) throws(SourceError) -> (event: Event, fact: Fact) {
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
        case nil, "success": return (.commitDeployed(deployment), fields.fact(of: deployment, succeeded: true))
        case "failure": return (.deploymentFailed(deployment), fields.fact(of: deployment, succeeded: false))
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
        var id: String?
        var started: Timestamp?
        var version: String?
        var description: String?
        var url: String?

        func fact(of deployment: Deployment, succeeded: Bool) -> Fact {
            let event: Event = succeeded ? .commitDeployed(deployment) : .deploymentFailed(deployment)
            return .deployment(
                DeploymentFact(
                    id: id.flatMap(EventField.identifier) ?? event.messageID.description,
                    service: deployment.serviceName, environment: deployment.env, commit: deployment.id,
                    startedAt: started.flatMap { $0 <= deployment.occurredOn ? $0 : nil },
                    finishedAt: deployment.occurredOn, succeeded: succeeded, repository: deployment.repository,
                    version: version.flatMap(EventField.name), description: EventField.description(description),
                    url: EventField.url(url)))
        }

        mutating func read(_ payload: [UInt8]) throws(JSONError) {
            try JSONReader.fields(of: payload) { (reader) throws(JSONError) in
                try reader.fieldOrNull("commit_id", &commit)
                try reader.fieldOrNull("env", &env)
                try reader.fieldTime("timestamp", &time)
                try reader.fieldOrNull("service", &service)
                try reader.fieldOrNull("repository", &repository)
                try reader.fieldOrNull("result", &result)
                if reader.isAt("id") { id = try Self.identifier(&reader) }
                try reader.fieldTime("started", &started)
                try reader.fieldOrSkip("version", &version)
                try reader.fieldOrSkip("description", &description)
                try reader.fieldOrSkip("url", &url)
            }
        }

        /// Tools write it as a text or as a number.
        private static func identifier(_ reader: inout JSONReader) throws(JSONError) -> String? {
            guard reader.kind == .number else { return try reader.stringOrSkip() }
            let number = try reader.number()
            return number.isWhole ? number.integer().map { String($0) } : nil
        }
    }
}
