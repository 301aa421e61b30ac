import Sluice
import SluiceHTTP

extension GitHubSource {
    private static let secretOption = ConfigurationOption(
        "secret", "GITHUB_WEBHOOK_SECRET", .secret, isSecret: true, example: .set(""),
        "The secret that GitHub signs its webhooks with")

    public func endpoints(named name: String) -> [SourceEndpoint] {
        var endpoint = HTTPEndpoint("/webhooks/\(name)")
        // The sample application's script posts JSON to the root under curl's default content type.
        if name == SourceKind.gitHub.name { endpoint.aliases = ["/"] }
        endpoint.contentTypes = ["application/json", "application/x-www-form-urlencoded"]
        endpoint.authenticator = secret.map { .hmacSHA256(secret: $0.reveal()) }
        // The signature is the body's alone: of the headers only those enter that GitHub itself sends.
        endpoint.format = .body(
            headers: ["X-GitHub-Event": Self.eventKey, "X-GitHub-Delivery": Self.deliveryKey], watermill: false)
        return [
            SourceEndpoint(endpoint: endpoint, secret: Self.secretOption.variable, handler: Self.handler)
        ]
    }

    @Sendable private static func handler(_ instruments: Instruments) -> Handler {
        let ignored = instruments.counters(
            .webhooksIgnored,
            known: ["ping", "pull_request", "workflow_run", "deployment", "release", "create", "delete", "other"])
        let repaired = Dictionary(
            uniqueKeysWithValues: [SourceRepair.commitTime, .commit, .deploymentTime].map {
                ($0, instruments.counter(.factsRepaired, [("fact", $0.word)]))
            })
        return { message, context in
            let receipt = context.route.time.timestamp
            let (outcome, fact) = try reading(message, receivedAt: receipt, repaired: { repaired[$0]?.increment() })
            switch outcome {
            case .events(let events):
                let messages = events.map { $0.message() }
                return messages + (fact.map { [$0.message(of: events)] } ?? [])
            case .ping:
                return []
            case .ignored:
                ignored.increment(message.metadata[eventKey] ?? "none")
                return fact.map { [$0.message()] } ?? []
            }
        }
    }

    static func read(_ values: inout ConfigurationValues) -> GitHubSource {
        GitHubSource(secret: values.read(secretOption))
    }

    static let options = [secretOption.variable]
}

extension SourceKind {
    static let gitHub = SourceKind(
        "github", title: "GitHub", intake: "GitHub webhooks",
        summary:
            "Webhooks `push` (each of its `commits` by `id`, and optionally `message`, `timestamp`, `url`, `author.name`,"
            + " `author.username`; the push's `ref` and `repository.full_name`) and `deployment_status`, as JSON or as a"
            + " form; every other event is accepted and counted",
        authentication: "the signature `X-Hub-Signature-256` of the body", options: GitHubSource.options,
        senders: [
            .init("GitHub", headers: ["x-github-request-id"], agents: ["github-hookshot"])
        ],
        standard: GitHubSource(), read: GitHubSource.read)
}
