import Sluice
import SluiceTestBrokers
import SluiceTesting
import Testing

@testable import SluiceKafka

/// A consumer that ends before it has been given anything.
@Suite(.timeLimit(.minutes(5)))
struct EarlyEndTests {
    /// librdkafka ends the process when a client is ended that has a place in its group and no assignment yet: this test's
    /// process too.
    @Test func endsAtAnyMomentOfItsFirstJoin() async throws {
        let cluster = try GroupCluster()
        try cluster.mock.createTopic("t", partitions: 4)
        var configuration = KafkaSubscriber.Configuration()
        configuration.heartbeatInterval = .milliseconds(200)
        configuration.sessionTimeout = .seconds(6)
        configuration.commitTimeout = .milliseconds(1)
        let (kafka, options) = (KafkaConfiguration(brokers: cluster.bootstrap), configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<120 {
                group.addTask {
                    let consumer = try KafkaSubscriber(kafka, group: "g\(number % 6)", configuration: options)
                    let subscription = try await consumer.subscribe(to: "t")
                    try await Task.sleep(for: .milliseconds(Int64.random(in: 0...2_000)))
                    subscription.cancel()
                    await consumer.close()
                }
            }
            try await group.waitForAll()
        }
    }
}
