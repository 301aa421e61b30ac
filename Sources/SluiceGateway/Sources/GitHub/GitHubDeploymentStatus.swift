import Sluice

/// A webhook `deployment_status`, as far as the gateway reads it.
struct GitHubDeploymentStatus {
    private var state: String?
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
                        if key == "state" {
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
}
