import Testing

@testable import SluiceKafka

@Test func aConfigurationKeepsItsBrokers() {
    #expect(KafkaConfiguration(brokers: ["localhost:9092"]).brokers == ["localhost:9092"])
}

/// The client takes them from the properties: what goes by them besides must not go by others.
@Test func timesThatPropertiesSetHoldForTheCodeAroundTheClientToo() {
    var configuration = KafkaConfiguration(brokers: ["localhost"])
    configuration.properties = [
        "session.timeout.ms": "6000", "heartbeat.interval.ms": "500", "max.poll.interval.ms": "x",
    ]
    let options = TopicConsumer.Plan(configuration, group: "g", options: .init()).options
    #expect(options.sessionTimeout == .seconds(6) && options.heartbeatInterval == .milliseconds(500))
    #expect(options.maxPollInterval == .seconds(300))
}
