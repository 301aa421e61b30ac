import Sluice

/// Events that templates are tried with when a sink is made: one of each kind with all fields, and one with the fewest. Incidents are
/// tried for sinks that ask for them.
enum SampleEvents {
    static let whole = [
        SinkDelivery(
            .commitPushed(
                CommitPushed(
                    id: commit, message: "Fix the leak\n\nIt was small.", author: "ann", occurredOn: time,
                    repository: "acme/shop", ref: "refs/heads/main",
                    url: "https://git.example.org/acme/shop/commit/\(commit)"))),
        SinkDelivery(.commitDeployed(deployment)),
        SinkDelivery(.deploymentFailed(deployment)),
    ]

    static let sparse = [
        SinkDelivery(.commitPushed(CommitPushed(id: commit, message: "", author: "ann", occurredOn: time))),
        SinkDelivery(.commitDeployed(Deployment(id: commit, env: "production", occurredOn: time))),
        SinkDelivery(.deploymentFailed(Deployment(id: commit, env: "production", occurredOn: time))),
    ]

    static let wholeIncidents = [
        SinkDelivery(.incidentOpened(incident(openedAt: time))),
        SinkDelivery(.incidentResolved(incident(openedAt: time))),
    ]
    /// Nothing tells when it was opened.
    static let sparseIncidents = [SinkDelivery(.incidentResolved(incident(openedAt: nil)))]

    private static func incident(openedAt: Timestamp?) -> Incident {
        Incident(id: "7", service: "web-shop", openedAt: openedAt, occurredOn: time)
    }

    private static let commit = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
    private static let time = Timestamp(millisecondsSince1970: 1_767_323_045_678)
    private static let deployment = Deployment(
        id: commit, env: "production", occurredOn: time, service: "web-shop", repository: "acme/shop")
}
