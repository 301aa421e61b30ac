import Logging
import Sluice
import SluiceHTTP

/// The endpoints that have no secret or token: the log, `/readyz` and the metrics say so.
struct UnsignedEndpoints: Sendable {
    private struct Endpoint: Sendable {
        let path: String
        let variable: String
        let isUnsigned: Bool
    }

    private let endpoints: [Endpoint]
    private let takesEverybody: Bool

    init(_ configuration: GatewayConfiguration) {
        endpoints = configuration.sources.flatMap { source in
            source.options.endpoints(named: source.name).map { endpoint in
                Endpoint(
                    path: endpoint.endpoint.path, variable: endpoint.missing,
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
            return "\(endpoint.path): takes unsigned requests, \(who); set \(endpoint.variable)"
        }
    }

    func announce(_ instruments: Instruments, _ logger: Logger) {
        for note in notes { logger.warning("\(note)") }
        for endpoint in endpoints {
            instruments.gauge(.httpEndpointUnsigned, [("route", endpoint.path)]).set(endpoint.isUnsigned ? 1 : 0)
        }
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
