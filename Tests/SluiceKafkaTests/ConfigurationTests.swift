import SluiceKafka
import Testing

@Test func aConfigurationKeepsItsBrokers() {
    #expect(KafkaConfiguration(brokers: ["localhost:9092"]).brokers == ["localhost:9092"])
}
