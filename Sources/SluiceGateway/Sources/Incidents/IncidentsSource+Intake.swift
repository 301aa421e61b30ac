import Sluice
import SluiceHTTP

extension IncidentsSource {
    private static let tokenOption = ConfigurationOption(
        "token", "INCIDENTS_TOKEN", .token, isSecret: true, example: .hint(""),
        "The Bearer token of who tells of incidents")

    static let options = [tokenOption.variable]

    static func read(_ values: inout ConfigurationValues) -> IncidentsSource? {
        guard values.isOfFile || values.isSet(tokenOption) else { return nil }
        return IncidentsSource(token: values.read(tokenOption))
    }

    public func endpoints(named name: String) -> [SourceEndpoint] {
        var endpoint = HTTPEndpoint("/webhooks/\(name)", format: .body(watermill: false))
        endpoint.maxBodyBytes = 1 << 16
        endpoint.authenticator = token.map { .bearer($0.reveal()) }
        return [
            SourceEndpoint(endpoint: endpoint, secret: Self.tokenOption.variable) { _ in
                { message, context in
                    let incident = try Self.read(message, receivedAt: context.route.time.timestamp)
                    return [Fact.incident(incident).message()]
                }
            }
        ]
    }
}

extension SourceKind {
    static let incidents = SourceKind(
        "incidents", title: "Incidents", intake: "incidents",
        summary:
            "`{\"id\", \"service\", \"opened\", \"resolved\"}` of any tool, with one of the times or both: what has the same id and service"
            + " is one incident",
        authentication: "a Bearer token", options: IncidentsSource.options, read: IncidentsSource.read)
}
