import Sluice
import SluiceHTTP

/// The routes that take events in.
enum IntakeRoutes {
    static let gitHubPath: Topic = "/webhooks/github"
    static let deploymentsPath: Topic = "/webhooks/deployments"

    /// Without these routes no webhook is taken in; every other route may fail while they go on.
    static let neededForWebhooks: Set<String> = ["github-to-log", "deployments-to-log"]

    /// Webhooks of one listener. A request is answered when its events are on the queue.
    static func endpoints(_ configuration: GatewayConfiguration) -> [HTTPEndpoint] {
        var gitHub = HTTPEndpoint(gitHubPath.name)
        // The sample application's script posts JSON to the root under curl's default content type.
        gitHub.aliases = ["/"]
        gitHub.contentTypes = ["application/json", "application/x-www-form-urlencoded"]
        gitHub.authenticator =
            configuration.githubSecret.map { .hmacSHA256(secret: $0.reveal()) }
            ?? unsigned(configuration, .githubSecret)
        // The signature is the body's alone: of the headers only those enter that GitHub itself sends.
        gitHub.format = .body(
            headers: ["X-GitHub-Event": GitHubSource.eventKey, "X-GitHub-Delivery": GitHubSource.deliveryKey],
            watermill: false)
        var deployments = HTTPEndpoint(deploymentsPath.name)
        deployments.maxBodyBytes = 1 << 20
        // The token vouches for its sender, and so for all headers.
        deployments.authenticator =
            configuration.deploymentsToken.map { .bearer($0.reveal()) } ?? unsigned(configuration, .deploymentsToken)
        return [gitHub, deployments]
    }

    private static func unsigned(
        _ configuration: GatewayConfiguration, _ variable: ConfigurationVariable
    ) -> HTTPAuthenticator? {
        configuration.allowsUnsigned
            ? nil : .direct(advice: "set \(variable.name), or \(ConfigurationVariable.allowUnsigned.name)=true")
    }

    static func gitHub(from subscriber: HTTPSubscriber, to queue: any EventQueue, _ instruments: Instruments) -> Route {
        let ignored = instruments.counters(
            .webhooksIgnored,
            known: ["ping", "pull_request", "workflow_run", "deployment", "release", "create", "delete", "other"])
        let repaired = Dictionary(
            uniqueKeysWithValues: [SourceRepair.commitTime, .commit, .deploymentTime].map {
                ($0, instruments.counter(.factsRepaired, [("fact", $0.word)]))
            })
        return Route(
            "github-to-log", from: subscriber, gitHubPath, to: queue.publisher, queue.events,
            middlewares: intake
        ) { message, context in
            let receipt = context.route.time.timestamp
            switch try GitHubSource.read(message, receivedAt: receipt, repaired: { repaired[$0]?.increment() }) {
            case .events(let events):
                return events.map { $0.message() }
            case .ping:
                return []
            case .ignored:
                ignored.increment(message.metadata[GitHubSource.eventKey] ?? "none")
                return []
            }
        }
    }

    static func deployments(from subscriber: HTTPSubscriber, to queue: any EventQueue) -> Route {
        Route(
            "deployments-to-log", from: subscriber, deploymentsPath, to: queue.publisher, queue.events,
            middlewares: intake, handler: readDeployment)
    }

    /// A failure is not answered here: what may pass is tried again, and nonsense is kept for a person to look at.
    static func deployments(from source: DeploymentsQueue, to queue: any EventQueue) -> Route {
        Route(
            "rabbitmq-to-log", from: source.subscriber, source.topic, to: queue.publisher, queue.events,
            middlewares: intake + [PoisonQueue(to: queue.publisher, queue.poison, filter: .permanent), Retry()],
            handler: readDeployment)
    }

    private static let readDeployment: Handler = { message, _ in [try DeploymentsSource.read(message).message()] }

    /// The sender is told of a failure and sends again: nothing is retried or poisoned here.
    private static let intake: [any Middleware] = [CorrelationID(), HandlerMetrics(), LogMessages()]
}
