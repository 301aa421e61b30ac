import Logging
import Sluice
import SluiceTesting

@testable import SluiceKafka

extension KafkaUnderTest {
    /// Options with which a mock group is as quick as it can be. It waits 3 s for its first members, whose sessions must
    /// not end meanwhile, and at later changes for the session's timeout less a second.
    static var quick: KafkaSubscriber.Configuration {
        var options = KafkaSubscriber.Configuration()
        options.sessionTimeout = realBrokers == nil ? .milliseconds(3_500) : .seconds(6)
        options.heartbeatInterval = .milliseconds(200)
        options.commitInterval = .milliseconds(50)
        return options
    }

    /// ``quick``; where groups behave as Kafka's, with sessions that no busy machine ends.
    var options: KafkaSubscriber.Configuration {
        var options = Self.quick
        if groups != nil { options.sessionTimeout = .seconds(45) }
        return options
    }

    func subscriber(
        _ group: String?, _ options: KafkaSubscriber.Configuration? = nil, logger: Logger = .silent
    ) throws -> KafkaSubscriber {
        try KafkaSubscriber(configuration, group: group, configuration: options ?? self.options, logger: logger)
    }

    func uniqueGroup() -> String { "g-\(String(UInt32.random(in: .min ... .max), radix: 36))" }
}

extension Message {
    var text: String { String(decoding: payload, as: UTF8.self) }
}

extension Subscription {
    /// The next deliveries, `count` of them, unsettled.
    /// - Throws: `NotInTime`.
    func receive(
        _ count: Int, within limit: Duration = .seconds(60), file: StaticString = #fileID, line: UInt = #line
    ) async throws -> [Delivery] {
        try await withThrowingTaskGroup(of: [Delivery].self) { group in
            group.addTask {
                var all: [Delivery] = []
                while all.count < count, let batch = try await self.next(count - all.count) { all += batch }
                return all
            }
            group.addTask {
                try await Task.sleep(for: limit)
                throw NotInTime(
                    expected: "the receipt of \(count) deliveries", limit: limit, location: "\(file):\(line)")
            }
            defer { group.cancelAll() }
            return try await group.next() ?? []
        }
    }
}
