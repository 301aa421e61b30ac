import Sluice
import SluiceHTTP

/// Writes annotations. Grafana would take the same one twice, so after an attempt whose outcome is unknown it looks
/// before it posts again.
enum GrafanaSink {
    /// The metadata of a message that may have been posted before.
    static let lookFirst = "look_first"
    static let target = "grafana"

    /// - Parameter hold: how long to wait before a person may have mended the address or the credentials.
    static func make(
        _ grafana: GatewayConfiguration.Grafana, _ client: HTTPClient, hold: Duration
    ) -> EventSink {
        let credentials: Credentials =
            switch grafana.credentials {
            case .basic(let user, let password): .basic(user: user, password: password.reveal())
            case .token(let token): .bearer(token.reveal())
            }
        let url = grafana.url + GrafanaAnnotation.path
        return EventSink(target) { event, message in
            if message.metadata[lookFirst] != nil {
                let query = HTTPClient.Request(
                    "GET", "\(url)?\(GrafanaAnnotation.query(id: message.id))", target: target,
                    credentials: credentials, acceptsTruncatedBody: true)
                if try GrafanaAnswer.holds(message.id, in: try await client.send(query, hold: hold), hold: hold) {
                    return
                }
            }
            let post = HTTPClient.Request(
                "POST", url, target: target, headers: ["Content-Type": "application/json"],
                body: GrafanaAnnotation.body(for: event, id: message.id), credentials: credentials,
                acceptsTruncatedBody: true)
            let response = try await client.send(post, hold: hold)
            if let error = GrafanaAnswer.error(toPost: response, hold: hold) { throw error }
        }
    }
}
