public import Sluice
import SluiceAMQP
import SluiceHTTP
import SluiceKafka

/// Every metric of the gateway: the core's, the adapters', and its own. What `sluice metrics` prints.
extension Metric {
    /// Area by area, in the order of the documentation.
    public static let areas: [Area] =
        coreAreas + [
            Area(
                "Backlog and connections", "What waits in the queues, and whether the parts are connected.",
                [consumerLag, shelvedMessages, partitionHeldBy, oldestPending, connectionUp, reconnects]),
            Area(
                "HTTP",
                "Requests taken in, and requests made to sinks. The latter exist for each sink that is configured.",
                [
                    httpRequests, httpRequestDuration, httpEndpointUnsigned, httpClientRequests,
                    httpClientRequestDuration,
                ]),
            Area(
                "Retention", "What the embedded log keeps, and what it had to let go.",
                [idleGroups, idleGroupMessages, poisonDropped, clockDoubted]),
            redriveArea,
            Area(
                "Events", "What the webhooks told.",
                [
                    eventAge, eventClockSkew, webhooksIgnored, factsRepaired, implausibleTimes, unknownEvents,
                    unknownFacts, factsLeftOut, alertsLeftOut,
                ]),
            deploymentsArea,
            Area(
                "Configuration", "What is in force, and how it came to be.",
                [
                    configurationReloads, configurationLastReloadSuccessful, configurationLastReloadSuccess, policyInfo,
                    policyValue,
                ]),
            Area("Self", "What runs, and how it fares.", [buildInfo, logLines, logLinesDropped, sqliteFailures]),
            journalArea, tracingArea,
            Area("Kafka", "Only where Kafka is used.", kafka + [kafkaTopicDrift]),
            Area("RabbitMQ", "Only where RabbitMQ is used.", amqp),
        ]

    /// Every metric, in the order of its documentation.
    public static let catalogue: [Metric] = areas.flatMap(\.metrics)
}
