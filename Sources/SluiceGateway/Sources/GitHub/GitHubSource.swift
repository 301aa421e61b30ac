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
    ///   - message: the request.
    ///   - receipt: when the webhook came: times that are not believed fall back to it.
    ///   - repaired: called for each element that was replaced or left out so that the rest could be kept.
    /// - Throws: ``SourceError`` when the body is not what such an event is.
    public static func read(
        _ message: Message, receivedAt receipt: Timestamp = .now(), repaired: (SourceRepair) -> Void = { _ in }
    ) throws(SourceError) -> SourceOutcome {
        try reading(message, receivedAt: receipt, repaired: repaired).outcome
    }

    /// The same, and what is kept of the webhook beside its events; nil where that is nothing.
    static func reading(
        _ message: Message, receivedAt receipt: Timestamp, repaired: (SourceRepair) -> Void = { _ in }
    ) throws(SourceError) -> (outcome: SourceOutcome, fact: Fact?) {
        let body = try GitHubForm.json(of: message.payload)
        do {
            switch message.metadata[eventKey] {
            case "push":
                let push = try GitHubPush(body)
                return (try push.outcome(receivedAt: receipt, repaired), .push(push.fact(receivedAt: receipt)))
            case nil, "":
                let push = try GitHubPush(body)
                guard push.hasCommits else {
                    throw SourceError("neither a header X-GitHub-Event nor commits in the body")
                }
                return (try push.outcome(receivedAt: receipt, repaired), .push(push.fact(receivedAt: receipt)))
            case "deployment_status":
                let status = try GitHubDeploymentStatus(body)
                let outcome = try status.outcome(receivedAt: receipt, repaired)
                return (outcome, status.fact(of: outcome, receivedAt: receipt))
            case "ping":
                try JSONReader.validate(body)
                return (.ping, nil)
            default:
                try JSONReader.validate(body)
                return (.ignored("event_not_used"), nil)
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
