import Sluice
import SluiceHTTP

/// Posts to a Slack incoming webhook.
enum SlackSink {
    static let target = "slack"

    /// - Parameter hold: how long to wait before a person may have mended the webhook.
    static func make(_ webhook: Secret, _ client: HTTPClient, hold: Duration) -> EventSink {
        EventSink(target) { event, _ in
            let post = HTTPClient.Request(
                "POST", webhook.reveal(), target: target, headers: ["Content-Type": "application/json"],
                body: SlackMessage.body(for: event), acceptsTruncatedBody: true)
            let response = try await client.send(post, hold: hold)
            let error = SlackAnswer.error(
                status: response.status, body: response.body, isTruncated: response.isBodyTruncated,
                retryAfter: RetryAfter.delay(in: response.headers), hold: hold)
            if let error { throw error }
        }
    }
}
