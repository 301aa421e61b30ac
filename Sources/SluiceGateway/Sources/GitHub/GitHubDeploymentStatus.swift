import Sluice

/// A webhook `deployment_status`, as far as the gateway reads it.
struct GitHubDeploymentStatus {
    private var id: Int64?
    private var state: String?
    private var description: String?
    /// Where to look at it, the best first.
    private var logURL: String?
    private var targetURL: String?
    private var environmentURL: String?
    private var startedAt: Timestamp?
    private var deploymentDescription: String?
    private var createdAt: Timestamp?
    private var updatedAt: Timestamp?
    private var statusEnvironment: String?
    private var commit: String?
    private var environment: String?
    private var service: String?
    private var repository: String?

    init(_ body: [UInt8]) throws(JSONError) {
        try JSONReader.read(body) { (reader) throws(JSONError) in
            try reader.object { (key, reader) throws(JSONError) in
                if key == "deployment_status", reader.kind == .object {
                    try reader.object { (key, reader) throws(JSONError) in
                        if key == "id" {
                            if reader.kind == .number { id = try reader.number().integer() }
                        } else if key == "description" {
                            description = try reader.stringOrSkip()
                        } else if key == "log_url" {
                            logURL = try reader.stringOrSkip()
                        } else if key == "target_url" {
                            targetURL = try reader.stringOrSkip()
                        } else if key == "environment_url" {
                            environmentURL = try reader.stringOrSkip()
                        } else if key == "state" {
                            state = try reader.stringOrSkip()
                        } else if key == "created_at" {
                            createdAt = try EventTime.read(&reader)
                        } else if key == "updated_at" {
                            updatedAt = try EventTime.read(&reader)
                        } else if key == "environment" {
                            statusEnvironment = try reader.stringOrSkip()
                        }
                    }
                } else if key == "deployment", reader.kind == .object {
                    try reader.object { (key, reader) throws(JSONError) in
                        if key == "sha" {
                            commit = try reader.stringOrSkip()
                        } else if key == "environment" {
                            environment = try reader.stringOrSkip()
                        } else if key == "created_at" {
                            startedAt = try EventTime.read(&reader)
                        } else if key == "description" {
                            deploymentDescription = try reader.stringOrSkip()
                        }
                    }
                } else if key == "repository" {
                    let repository = try GitHubRepository(&reader)
                    service = repository.name
                    self.repository = repository.fullName
                }
            }
        }
    }

    func outcome(
        receivedAt receipt: Timestamp, _ repaired: (SourceRepair) -> Void
    ) throws(SourceError) -> SourceOutcome {
        guard let state else { throw SourceError("deployment_status.state is missing") }
        guard ["success", "failure", "error"].contains(state) else { return .ignored("deployment_state") }
        guard let commit = commit.flatMap(EventField.commit) else {
            throw SourceError("deployment.sha is not a commit's hash (4 to 64 hexadecimal digits)")
        }
        guard let env = (environment ?? statusEnvironment).flatMap(EventField.name) else {
            throw SourceError("deployment.environment is not 1 to \(EventField.maximumName) bytes of plain text")
        }
        let time = [updatedAt, createdAt].lazy.compactMap(\.self).first { EventTime.isPlausible($0, at: receipt) }
        if time == nil { repaired(.deploymentTime) }
        let deployment = Deployment(
            id: commit, env: env, occurredOn: time ?? receipt, service: service.flatMap(EventField.name),
            repository: repository.flatMap(EventField.name))
        return .events([state == "success" ? .commitDeployed(deployment) : .deploymentFailed(deployment)])
    }

    /// What is kept of the deployment beside its event; nil where the status is none that counts.
    func fact(of outcome: SourceOutcome, receivedAt receipt: Timestamp) -> Fact? {
        guard case .events(let events) = outcome, let event = events.first,
            var fact = DeploymentFact(event, id: event.messageID)
        else { return nil }
        if let id { fact.id = String(id) }
        fact.startedAt = startedAt.flatMap {
            EventTime.isPlausible($0, at: receipt) && $0 <= fact.finishedAt ? $0 : nil
        }
        fact.description = EventField.description(description) ?? EventField.description(deploymentDescription)
        fact.url = [logURL, targetURL, environmentURL].lazy.compactMap(EventField.url).first
        return .deployment(fact)
    }
}
