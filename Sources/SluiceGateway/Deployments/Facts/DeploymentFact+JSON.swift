import Sluice

extension DeploymentFact {
    func write(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("service", service)
        json.member("environment", environment)
        json.member("commit", commit)
        json.member("started_at", ifPresent: startedAt.map(RFC3339.format))
        json.member("finished_at", RFC3339.format(finishedAt))
        json.member("result", succeeded ? "success" : "failure")
        json.member("repository", ifPresent: repository)
        json.member("version", ifPresent: version)
        json.member("description", ifPresent: description)
        json.member("url", ifPresent: url)
    }

    static func read(_ reader: inout JSONReader) throws(JSONError) -> Result<DeploymentFact, SourceError> {
        var (id, service, environment, commit): (String?, String?, String?, String?)
        var (result, repository, version): (String?, String?, String?)
        var (description, url): (String?, String?)
        var (started, finished): (Timestamp?, Timestamp?)
        try reader.fields { (reader) throws(JSONError) in
            try reader.fieldOrSkip("id", &id)
            try reader.fieldOrSkip("service", &service)
            try reader.fieldOrSkip("environment", &environment)
            try reader.fieldOrSkip("commit", &commit)
            try reader.fieldTime("started_at", &started)
            try reader.fieldTime("finished_at", &finished)
            try reader.fieldOrSkip("result", &result)
            try reader.fieldOrSkip("repository", &repository)
            try reader.fieldOrSkip("version", &version)
            try reader.fieldOrSkip("description", &description)
            try reader.fieldOrSkip("url", &url)
        }
        guard let id = id.flatMap(EventField.identifier) else {
            return .failure(Fact.missing("id", EventCheck.plainText))
        }
        guard let service = service.flatMap(EventField.name) else {
            return .failure(Fact.missing("service", EventCheck.plainText))
        }
        guard let environment = environment.flatMap(EventField.name) else {
            return .failure(Fact.missing("environment", EventCheck.plainText))
        }
        guard let commit = commit.flatMap(EventField.commit) else {
            return .failure(Fact.missing("commit", "a commit's hash (4 to 64 hexadecimal digits)"))
        }
        guard let finished else { return .failure(Fact.missing("finished_at", "a time")) }
        guard let result, result == "success" || result == "failure" else {
            return .failure(Fact.missing("result", "success or failure"))
        }
        return .success(
            DeploymentFact(
                id: id, service: service, environment: environment, commit: commit, startedAt: started,
                finishedAt: finished, succeeded: result == "success", repository: repository.flatMap(EventField.name),
                version: version.flatMap(EventField.name), description: EventField.description(description),
                url: EventField.url(url)))
    }

    /// What an event says of a deployment.
    /// - Parameter id: the event's.
    /// - Returns: nil for another event.
    init?(_ event: Event, id: MessageID) {
        let (deployment, succeeded): (Deployment, Bool)
        switch event {
        case .commitPushed, .incidentOpened, .incidentResolved: return nil
        case .commitDeployed(let event): (deployment, succeeded) = (event, true)
        case .deploymentFailed(let event): (deployment, succeeded) = (event, false)
        }
        self.init(
            id: id.description, service: deployment.serviceName, environment: deployment.env, commit: deployment.id,
            finishedAt: deployment.occurredOn, succeeded: succeeded, repository: deployment.repository)
    }
}
