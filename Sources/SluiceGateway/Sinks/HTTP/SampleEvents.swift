import Sluice

/// Events that templates are tried with when a sink is made: one of each kind with all fields, and one with the fewest.
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

    private static let commit = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
    private static let time = Timestamp(millisecondsSince1970: 1_767_323_045_678)
    private static let deployment = Deployment(
        id: commit, env: "production", occurredOn: time, service: "web-shop", repository: "acme/shop")
}
