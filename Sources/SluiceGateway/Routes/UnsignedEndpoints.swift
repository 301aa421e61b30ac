import Logging
import Sluice
import SluiceHTTP

/// The endpoints that have no secret or token: the log, `/readyz` and the metrics say so.
struct UnsignedEndpoints: Sendable {
    private struct Endpoint: Sendable {
        let path: String
        /// What would tell its requests from anyone's.
        let missing: String
        let isUnsigned: Bool
    }

    private let endpoints: [Endpoint]
    private let takesEverybody: Bool

    init(_ configuration: GatewayConfiguration) {
        endpoints = configuration.sources.flatMap { source in
            source.options.endpoints(named: source.name).map { endpoint in
                Endpoint(
                    path: endpoint.endpoint.path, missing: configuration.missing(of: endpoint, source.name),
                    isUnsigned: endpoint.endpoint.authenticator == nil)
            }
        }
        takesEverybody = configuration.allowsUnsigned
    }

    /// A line for each. A proxy on this machine that adds no header cannot be told from a program here, so that the
    /// note stays also where requests from elsewhere are refused.
    var notes: [String] {
        endpoints.filter(\.isUnsigned).map { endpoint in
            let who = takesEverybody ? "from everywhere" : "if they come directly from this machine"
            return "\(endpoint.path): takes unsigned requests, \(who); set \(endpoint.missing)"
        }
    }

    func announce(_ instruments: Instruments, _ logger: Logger) {
        for note in notes { logger.warning("\(note)") }
        for endpoint in endpoints {
            instruments.gauge(.httpEndpointUnsigned, [("route", endpoint.path)]).set(endpoint.isUnsigned ? 1 : 0)
        }
    }
}

extension GatewayConfiguration {
    /// What to set for an endpoint of a source that has no authenticator.
    func missing(of endpoint: SourceEndpoint, _ source: String) -> String {
        endpoint.secret.map { names.name($0, in: "sources", source) } ?? "an authenticator"
    }
}

extension Metric {
    static let httpEndpointUnsigned = gauge(
        "sluice_http_endpoint_unsigned",
        labels: [.route],
        help:
            "1 where requests are taken without secret or token, else 0. Such an endpoint trusts every program on its machine."
    )
}
