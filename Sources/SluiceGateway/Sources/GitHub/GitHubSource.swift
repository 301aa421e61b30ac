public import Sluice
import SluiceHTTP

/// Turns GitHub's webhooks into events.
public struct GitHubSource: SourceOptions, Hashable {
    /// What GitHub signs with; nil takes in unsigned webhooks, see ``GatewayConfiguration/allowsUnsigned``.
    public var secret: Secret?

    public init(secret: Secret? = nil) {
        self.secret = secret
    }

    /// The metadata that holds the header `X-GitHub-Event`.
    public static let eventKey = "github_event"
    /// The metadata that holds the header `X-GitHub-Delivery`.
    public static let deliveryKey = "github_delivery"

    /// What the webhook comes to. Without an event's name, a body with `commits` is a push.
    ///
    /// A form that holds the JSON in `payload` (GitHub's other content type) is read like the JSON itself.
    /// - Parameters:
    ///   - receipt: when the webhook came: times that are not believed fall back to it.
    ///   - repaired: called for each element that was replaced or left out so that the rest could be kept.
    /// - Throws: ``SourceError`` when the body is not what such an event is.
    public static func read(
        _ message: Message, receivedAt receipt: Timestamp = .now(), repaired: (SourceRepair) -> Void = { _ in }
    ) throws(SourceError) -> SourceOutcome {
        let body = try GitHubForm.json(of: message.payload)
        do {
            switch message.metadata[eventKey] {
            case "push":
                return try GitHubPush(body).outcome(receivedAt: receipt, repaired)
            case nil, "":
                let push = try GitHubPush(body)
                guard push.hasCommits else {
                    throw SourceError("neither a header X-GitHub-Event nor commits in the body")
                }
                return try push.outcome(receivedAt: receipt, repaired)
            case "deployment_status":
                return try GitHubDeploymentStatus(body).outcome(receivedAt: receipt, repaired)
            case "ping":
                try JSONReader.validate(body)
                return .ping
            default:
                try JSONReader.validate(body)
                return .ignored("event_not_used")
            }
        } catch let error as JSONError {
            throw SourceError("the body is not the JSON of such a webhook: \(error)")
        } catch let error as SourceError {
            throw error
        } catch {
            throw SourceError("the body cannot be read")
        }
    }
}
