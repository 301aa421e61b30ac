public import Sluice
import SluiceHTTP

/// Writes annotations to Grafana. It would take the same one twice, so after an attempt whose outcome is unknown the sink
/// looks before it posts again.
public struct GrafanaSink: SinkOptions, Hashable {
    /// Its address, without a slash at the end.
    public var url: String
    public var credentials: Credentials

    /// How the gateway proves itself to Grafana.
    public enum Credentials: Sendable, Hashable {
        case basic(user: String, password: Secret)
        case token(Secret)
    }

    public init(url: String, credentials: Credentials) {
        self.url = url
        self.credentials = credentials
    }

    /// A repository's events in order, repositories in parallel.
    public var ordering: Ordering { .perKey(lanes: 8) }

    public var cautions: [String] {
        WebAddress.isClear(url)
            ? ["\(GrafanaOptions.url.variable.name): the credentials cross the network in the clear; use https://"] : []
    }

    public func makeSink(_ parts: SinkParts) -> any Sink {
        Annotations(url: url + GrafanaAnnotation.path, credentials: authorization, parts: parts)
    }

    fileprivate var authorization: SluiceHTTP.Credentials {
        switch credentials {
        case .basic(let user, let password): .basic(user: user, password: password.reveal())
        case .token(let token): .bearer(token.reveal())
        }
    }

    /// Asks for an annotation, which tells whether the credentials may read them.
    public func tryConnection(_ parts: SinkParts) async throws -> String? {
        let query = HTTPClient.Request(
            "GET", url + GrafanaAnnotation.path + "?limit=1", target: parts.name, credentials: authorization,
            timeout: .seconds(10), acceptsTruncatedBody: true)
        let response = try await parts.send(query)
        guard response.status == 200 else {
            let words = [401: "the credentials are refused", 403: "the credentials may not read annotations"]
            throw HandlerError(
                words[response.status] ?? "it answers \(response.status) where Grafana would answer 200",
                reason: "http_\(response.status)", disposition: .retry())
        }
        return "connected, the credentials are accepted"
    }

    private struct Annotations: Sink {
        let url: String
        let credentials: SluiceHTTP.Credentials
        let parts: SinkParts

        func deliver(_ delivery: SinkDelivery) async throws {
            let id = delivery.id
            if delivery.mayBeDelivered {
                let query = HTTPClient.Request(
                    "GET", "\(url)?\(GrafanaAnnotation.query(id: id))", target: parts.name, credentials: credentials,
                    acceptsTruncatedBody: true)
                if try GrafanaAnswer.holds(id, in: try await parts.send(query), hold: parts.hold) { return }
            }
            let post = HTTPClient.Request(
                "POST", url, target: parts.name, headers: ["Content-Type": "application/json"],
                body: GrafanaAnnotation.body(for: delivery.event, id: id), credentials: credentials,
                acceptsTruncatedBody: true)
            let response = try await parts.send(post)
            if let error = GrafanaAnswer.error(toPost: response, hold: parts.hold) { throw error }
        }
    }
}

extension GrafanaSink: Announcing {
    func announce(_ announcement: Announcement, _ parts: SinkParts) async throws {
        let post = HTTPClient.Request(
            "POST", url + GrafanaAnnotation.path, target: parts.name, headers: ["Content-Type": "application/json"],
            body: GrafanaAnnotation.body(for: announcement), credentials: authorization, timeout: .seconds(10),
            acceptsTruncatedBody: true)
        let response = try await parts.send(post)
        if let error = GrafanaAnswer.error(toPost: response, hold: parts.hold) { throw error }
    }
}
