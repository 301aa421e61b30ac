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
                    credentials: credentials)
                let response = try await client.send(query)
                try response.requireSuccess { classify($0, hold) }
                do {
                    if try GrafanaAnnotation.answer(response.body, holds: message.id) { return }
                } catch {
                    throw HandlerError(
                        "grafana's answer to a search is not one", reason: "grafana_answer", disposition: .retry())
                }
            }
            let post = HTTPClient.Request(
                "POST", url, target: target, headers: ["Content-Type": "application/json"],
                body: GrafanaAnnotation.body(for: event, id: message.id), credentials: credentials,
                acceptsTruncatedBody: true)
            try await client.send(post).requireSuccess { classify($0, hold) }
        }
    }

    /// Credentials that do not hold are not the message's fault, and neither is an address where there is no Grafana.
    private static func classify(_ response: HTTPClient.Response, _ hold: Duration) -> Disposition? {
        switch response.status {
        case 401, 403, 404: .hold("grafana_http_\(response.status)", for: hold)
        default: HTTPStatusError.classify(response)
        }
    }
}
