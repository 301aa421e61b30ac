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
        try JSONReader.fields(of: body) { (reader) throws(JSONError) in
            if reader.isAt("deployment_status"), reader.kind == .object {
                try reader.fields { (reader) throws(JSONError) in
                    if reader.isAt("id") {
                        if reader.kind == .number { id = try reader.number().integer() }
                    }
                    try reader.fieldOrSkip("description", &description)
                    try reader.fieldOrSkip("log_url", &logURL)
                    try reader.fieldOrSkip("target_url", &targetURL)
                    try reader.fieldOrSkip("environment_url", &environmentURL)
                    try reader.fieldOrSkip("state", &state)
                    try reader.fieldTime("created_at", &createdAt)
                    try reader.fieldTime("updated_at", &updatedAt)
                    try reader.fieldOrSkip("environment", &statusEnvironment)
                }
            }
            if reader.isAt("deployment"), reader.kind == .object {
                try reader.fields { (reader) throws(JSONError) in
                    try reader.fieldOrSkip("sha", &commit)
                    try reader.fieldOrSkip("environment", &environment)
                    try reader.fieldTime("created_at", &startedAt)
                    try reader.fieldOrSkip("description", &deploymentDescription)
                }
            }
            if reader.isAt("repository") {
                let repository = try GitHubRepository(&reader)
                service = repository.name
                self.repository = repository.fullName
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
