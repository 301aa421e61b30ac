/// Metrics of connections, of HTTP, of the events and deployments that flow through the gateway, and of itself.
extension Metric {
    public static let gateway: [Metric] = gatewayAreas.flatMap(\.metrics)

    static let gatewayAreas: [Area] = [
        Area(
            "Backlog and connections", "What waits in the queues, and whether the parts are connected.",
            [consumerLag, shelvedMessages, partitionHeldBy, oldestPending, connectionUp, reconnects]),
        Area(
            "HTTP", "Requests taken in, and requests made to sinks. The latter exist for each sink that is configured.",
            [httpRequests, httpRequestDuration, httpEndpointUnsigned, httpClientRequests, httpClientRequestDuration]),
        Area(
            "Retention", "What the embedded log keeps, and what it had to let go.",
            [idleGroups, idleGroupMessages, poisonDropped, clockDoubted]),
        Area(
            "Events", "What the webhooks told.",
            [eventAge, eventClockSkew, webhooksIgnored, factsRepaired, implausibleTimes, unknownEvents]),
        Area(
            "Deployments",
            "Each deployment is counted once, also across redeliveries and restarts. A series appears with the first "
                + "deployment of its service to its environment.",
            [deployments, deploymentLeadTime, leadTimesLeftOut, lastDeployment, changeFailures, timeToRestore]),
        Area("Self", "What runs, and how it fares.", [buildInfo, logLines, logLinesDropped, sqliteFailures]),
    ]

    // Backlog
    public static let consumerLag = gauge(
        "sluice_consumer_lag_messages", [.handler, .topic, .partition],
        "Messages of the topic that the route has not settled.")
    public static let shelvedMessages = gauge(
        "sluice_shelved_messages", [.handler, .topic],
        "Messages of the topic that are put aside because one of their key fails and holds them up. They are part of the lag."
    )
    public static let partitionHeldBy = gauge(
        "sluice_partition_held_by_offset", [.handler, .topic, .partition],
        "Offset of the message that fails and keeps its partition from being read on, which is paused: `/readyz` names it. -1 while the partition is read."
    )
    public static let oldestPending = gauge(
        "sluice_oldest_pending_timestamp_seconds", [.handler, .topic],
        "When the oldest message that the route has not settled was published, in seconds since 1970; 0 when there is none."
    )
    public static let sqliteFailures = counter(
        "sluice_sqlite_commit_failures_total",
        [Label("code", "`disk_full`, `io`, `locked`, `corrupt`, `read_only`, and the like")],
        "Commits to the embedded log that failed: of messages, settlements, leases, and probes.")
    public static let connectionUp = gauge(
        "sluice_connection_up", [.component], "1 while the part is connected and works, else 0.")
    public static let reconnects = counter(
        "sluice_reconnects_total", [.component], "Connections made after the first.")

    // Retention
    public static let idleGroups = gauge(
        "sluice_idle_groups", [],
        "Groups of the embedded log that no route and no process reads: what they have not settled is kept for a time.")
    public static let idleGroupMessages = gauge(
        "sluice_idle_group_messages", [], "Messages that groups which no route and no process reads have not settled.")
    public static let poisonDropped = counter(
        "sluice_poison_dropped_total", [.topic],
        "Messages of the embedded log's poison topic that were dropped unread, because it was too large.")
    public static let clockDoubted = gauge(
        "sluice_clock_doubted", [],
        "1 while the system clock is not believed and nothing is deleted by age, else 0.")

    // HTTP
    public static let httpRequests = counter(
        "sluice_http_requests_total", [.route, Label("method", "the method, or `other`"), .code], "Requests answered.")
    public static let httpRequestDuration = histogram(
        "sluice_http_request_duration_seconds", [.route], buckets: Buckets.publish,
        "Time from a request's head to its answer.")
    public static let httpEndpointUnsigned = gauge(
        "sluice_http_endpoint_unsigned", [.route],
        "1 where requests are taken without secret or token, else 0. Such an endpoint trusts every program on its machine."
    )
    public static let httpClientRequests = counter(
        "sluice_http_client_requests_total", [.target, .code], "Requests made to other systems.")
    public static let httpClientRequestDuration = histogram(
        "sluice_http_client_request_duration_seconds", [.target], buckets: Buckets.publish,
        "Time of each request made to another system.")

    // Events
    static let eventType = Label(
        "event_type", "the kind of event", values: ["commitPushed", "commitDeployed", "deploymentFailed"])
    public static let eventAge = histogram(
        "sluice_event_age_seconds", [.handler, eventType], buckets: Buckets.age,
        "How old an event is when a sink has taken it: from when it occurred to its delivery.")
    public static let eventClockSkew = counter(
        "sluice_event_clock_skew_total", [.handler], "Events that say they occurred more than a minute in the future.")
    public static let webhooksIgnored = counter(
        "sluice_webhooks_ignored_total",
        [Label("event", "the value of X-GitHub-Event", cap: 40)], "Webhooks that were accepted and give no event.")

    public static let factsRepaired = counter(
        "sluice_facts_repaired_total",
        [Label("fact", "what it was", values: ["commit_time", "commit", "deployment_time"])],
        "Elements of webhooks that could not be read or believed: times that fell back to the push's own, commits without an id that were left out. The rest was kept."
    )
    public static let implausibleTimes = counter(
        "sluice_implausible_times_total", [.handler, eventType],
        "Events whose time lies before 1990 or more than a day ahead of their receipt. They enter no figure; such a "
            + "deployment is not among `sluice_deployments_total`.")
    public static let unknownEvents = counter(
        "sluice_unknown_events_total",
        [.handler, Label("event_type", "the kind of event", cap: 20)],
        "Events of kinds that this version does not know, acknowledged unread.")

    // Deployments
    static let deploymentResult = Label("result", "how it ended", values: ["success", "failure"])
    public static let deployments = counter(
        "sluice_deployments_total", [.service, .environment, deploymentResult],
        "Deployments whose time is believed, each counted once.")
    public static let deploymentLeadTime = histogram(
        "sluice_deployment_lead_time_seconds", [.service, .environment], buckets: Buckets.leadTime,
        "Time from a commit's push to its deployment.")
    public static let leadTimesLeftOut = counter(
        "sluice_lead_times_left_out_total",
        [
            Label(
                "reason", "why there is none",
                values: [
                    "unknown_commit", "short_hash", "ambiguous_hash", "implausible_time", "before_push", "old_commit",
                ])
        ],
        "Deployments that succeeded without a lead time. `old_commit` sets apart commits older than 60 days.")
    public static let lastDeployment = gauge(
        "sluice_last_deployment_timestamp_seconds", [.service, .environment],
        "When a service was last deployed to an environment, in seconds since 1970.")
    public static let changeFailures = counter(
        "sluice_change_failures_total", [.service, .environment], "Deployments that failed.")
    public static let timeToRestore = histogram(
        "sluice_time_to_restore_seconds", [.service, .environment], buckets: Buckets.leadTime,
        "Time from a failed deployment to the next one that succeeded.")

    // Self
    public static let buildInfo = gauge(
        "sluice_build_info", [Label("version", "Sluice's version"), Label("swift", "the compiler's version")],
        "Always 1; says what runs.")
    public static let logLines = counter(
        "sluice_log_lines_total",
        [Label("level", "the level", values: ["trace", "debug", "info", "notice", "warning", "error", "critical"])],
        "Lines logged.")
    public static let logLinesDropped = counter(
        "sluice_log_lines_dropped_total", [],
        "Lines that are missing in the log: its reader had stopped, or it could not be written.")
}
