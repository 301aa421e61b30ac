/// Metrics of every route: Watermill's three families under their own names, then ours.
extension Metric {
    public static let pipeline: [Metric] = pipelineAreas.flatMap(\.metrics)

    static let pipelineAreas: [Area] = [
        Area(
            "Watermill's",
            "Watermill's three families, with its names, labels and buckets, so that its own dashboard works unchanged.",
            [subscriberMessagesReceived, handlerExecutionTime, publishTime]),
        Area(
            "Flow", "What goes in and out of every route.",
            [
                messagesReceived, messagesPublished, deliveries, redeliveries, deliveriesInFlight,
                deliveriesInFlightLimit, unaccountedMessages, routePaused,
            ]),
        Area(
            "Time and attempts", "Where each delivery's time went.",
            [deliveryStage, handlerAttemptDuration, deliveryAttempts]),
    ]

    // Watermill's
    public static let subscriberMessagesReceived = counter(
        "subscriber_messages_received_total",
        [
            .handler, Label("subscriber_name", "the kind of subscriber"),
            Label("acked", "how it was settled", values: ["acked", "nacked"]),
        ],
        "Messages settled, by route and by how they were settled.")
    public static let handlerExecutionTime = histogram(
        "handler_execution_time_seconds", [.handler, .success], buckets: Buckets.handler,
        "Time spent in everything inside the HandlerMetrics middleware.")
    public static let publishTime = histogram(
        "publish_time_seconds", [.handler, Label("publisher_name", "the kind of publisher"), .success],
        buckets: Buckets.publish, "Time of each publish call.")

    // Flow
    public static let messagesReceived = counter(
        "sluice_messages_received_total", [.handler],
        "Deliveries taken in by a route, redeliveries included.")
    public static let messagesPublished = counter(
        "sluice_messages_published_total", [.handler, .topic], "Messages that a broker has taken from a route.")
    public static let deliveries = counter(
        "sluice_deliveries_total", [.handler, .outcome], "Deliveries settled, by outcome.")
    public static let redeliveries = counter(
        "sluice_redeliveries_total", [.handler], "Deliveries that were not the message's first.")
    public static let deliveriesInFlight = gauge(
        "sluice_deliveries_in_flight", [.handler], "Deliveries taken in and not yet settled.")
    public static let deliveriesInFlightLimit = gauge(
        "sluice_deliveries_in_flight_limit", [.handler], "How many deliveries the route's ordering handles at once.")
    public static let unaccountedMessages = gauge(
        "sluice_unaccounted_messages", [.handler],
        "Received less settled less in flight. Always 0; anything else is a bug.")

    public static let routePaused = gauge(
        "sluice_route_paused", [.handler],
        "1 while a person has paused the route: it is subscribed, and attempts nothing until it is resumed.")

    // Time and attempts
    public static let deliveryStage = histogram(
        "sluice_delivery_stage_seconds",
        [.handler, Label("stage", "the part of the delivery", values: DeliveryStage.allCases.map(\.rawValue))],
        buckets: Buckets.stage,
        "Where a settled delivery spent its time. The sums over the stages are the deliveries' whole time.")
    public static let handlerAttemptDuration = histogram(
        "sluice_handler_attempt_duration_seconds",
        [.handler, Label("result", "how the attempt ended", values: ["success", "failure"])],
        buckets: Buckets.stage, "Time of each attempt: the handler, and the publish of what it returned.")
    public static let deliveryAttempts = histogram(
        "sluice_delivery_attempts", [.handler, .outcome], buckets: Buckets.attempts,
        "Attempts that a delivery took until it was settled.")
}
