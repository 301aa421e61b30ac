/// A view of the file, for a usual question.
struct SQLView: Sendable {
    let name: String
    /// What it shows, in one sentence without the point at its end.
    let meaning: String
    private let query: String

    var sql: String { "CREATE VIEW \(name) AS\n\(query)" }

    /// In an order in which each may use those before it.
    static let all = [pushes, deployments, lastDeployments, notInProduction, leadTimes, pushesByDay, deploymentsByDay]

    private static let pushes = SQLView(
        name: "pushes", meaning: "Every commit that was pushed",
        query: """
            SELECT sequence, id, time, recorded, commit_id, repository, branch, author, message, url
            FROM events WHERE kind = 'commitPushed'
            """)

    /// A deployment without a service is one of its repository, as in the metrics.
    private static let deployments = SQLView(
        name: "deployments", meaning: "Every deployment; `succeeded` is 0 for one that failed",
        query: """
            SELECT sequence, id, time, recorded, commit_id, repository, coalesce(service, repository, '') AS service,
                environment, kind = 'commitDeployed' AS succeeded
            FROM events WHERE kind IN ('commitDeployed', 'deploymentFailed')
            """)

    /// Bare columns of a query with `max` are those of its row (<https://www.sqlite.org/lang_select.html#bareagg>).
    private static let lastDeployments = SQLView(
        name: "last_deployments",
        meaning: "What is live: the last deployment that succeeded, by service and environment",
        query: """
            SELECT service, environment, commit_id, max(time) AS time, repository
            FROM deployments WHERE succeeded GROUP BY service, environment
            """)

    private static let notInProduction = SQLView(
        name: "not_in_production",
        meaning: "What is live in another environment and was never deployed to `production`, with what is live there",
        query: """
            SELECT live.service, live.environment, live.commit_id, live.time,
                production.commit_id AS production_commit_id, production.time AS production_time
            FROM last_deployments AS live
            LEFT JOIN last_deployments AS production
                ON production.service = live.service AND production.environment = 'production'
            WHERE live.environment <> 'production' AND NOT EXISTS (
                SELECT 1 FROM deployments AS other
                WHERE other.service = live.service AND other.environment = 'production' AND other.succeeded
                    AND substr(other.commit_id, 1, length(live.commit_id))
                        = substr(live.commit_id, 1, length(other.commit_id)))
            """)

    /// What a tool has shortened is found by the index: hexadecimal digits come before `g`.
    private static let leadTimes = SQLView(
        name: "lead_times",
        meaning:
            "From a commit to its first deployment to each environment, in seconds; only commits that a deployment names",
        query: """
            SELECT push.commit_id, push.repository, push.author, push.time AS committed, min(deployment.time) AS deployed,
                deployment.service, deployment.environment,
                round((julianday(min(deployment.time)) - julianday(push.time)) * 86400, 3) AS seconds
            FROM deployments AS deployment
            JOIN events AS push
                ON push.kind = 'commitPushed' AND push.commit_id >= deployment.commit_id
                AND push.commit_id < deployment.commit_id || 'g'
                AND coalesce(push.repository = deployment.repository, 1)
            WHERE deployment.succeeded
            GROUP BY push.id, deployment.service, deployment.environment
            """)

    private static let pushesByDay = SQLView(
        name: "pushes_by_day", meaning: "How many commits, by how many people, by day (UTC) and repository",
        query: """
            SELECT substr(time, 1, 10) AS day, repository, count(*) AS commits, count(DISTINCT author) AS authors
            FROM pushes GROUP BY day, repository
            """)

    private static let deploymentsByDay = SQLView(
        name: "deployments_by_day",
        meaning: "How many deployments succeeded and failed, by day (UTC), service and environment",
        query: """
            SELECT substr(time, 1, 10) AS day, service, environment, sum(succeeded) AS succeeded,
                sum(NOT succeeded) AS failed
            FROM deployments GROUP BY day, service, environment
            """)
}
