import Sluice
import SluiceAMQP
import SluiceTesting
import Testing

/// A rejected message waits as a copy in another queue: the original is let go when the broker has the copy, and
/// otherwise goes back to its queue.
@Suite(.timeLimit(.minutes(10)))
struct WireRetryTests {
    /// What the broker says of the copy.
    enum Answer: CaseIterable {
        case confirms
        case refuses
        case returns
        case saysNothing
    }

    private static let acknowledged = FakeAMQPServer.Moment.method(60, 80)
    private static let givenBack = FakeAMQPServer.Moment.method(60, 120)

    @Test(arguments: Answer.allCases)
    func theOriginalIsKeptUntilTheBrokerHasTheCopy(_ answer: Answer) async throws {
        let server = try FakeAMQPServer(
            [
                .consume: .answer { channel, consumer in
                    AMQPBytes.delivery(channel, consumer: consumer, tag: 1, [7])
                },
                .message: .reply { channel, count in Self.bytes(answer, channel, count) },
            ], spoiled: .max)
        var configuration = try WireConsumeTests.configuration(server)
        // A broker that says nothing is not to be taken for dead meanwhile.
        configuration.heartbeat = .zero
        let subscriber = try AMQPSubscriber(configuration, logger: LogRecorder().logger)
        let subscription = try await subscriber.subscribe(to: "t")
        try await subscription.first().reject(after: .milliseconds(100))
        switch answer {
        case .confirms:
            try await eventually("it is let go") { server.methods.contains(Self.acknowledged) }
            #expect(!server.methods.contains(Self.givenBack))
        case .refuses, .returns:
            try await eventually("it is given back") { server.methods.contains(Self.givenBack) }
            #expect(!server.methods.contains(Self.acknowledged))
        case .saysNothing:
            try await eventually("the copy is sent") { server.methods.contains(.method(60, 40)) }
            try await Task.sleep(for: .milliseconds(300))
            #expect(!server.methods.contains(Self.acknowledged) && !server.methods.contains(Self.givenBack))
        }
        #expect(server.connectionCount == 1)
        server.close()
        await subscriber.close()
    }

    private static func bytes(_ answer: Answer, _ channel: UInt16, _ count: UInt64) -> [UInt8] {
        let confirm = AMQPBytes.method(60, 80, channel: channel, AMQPBytes.big(count) + [0])
        return switch answer {
        case .confirms: confirm
        case .refuses: AMQPBytes.method(60, 120, channel: channel, AMQPBytes.big(count) + [0])
        case .returns:
            AMQPBytes.method(
                60, 50, channel: channel,
                [1, 56] + AMQPBytes.short("NO_ROUTE") + [0] + AMQPBytes.short("t.retry.100"))
                + AMQPBytes.header(channel, size: 1) + AMQPBytes.body(channel, [7]) + confirm
        case .saysNothing: []
        }
    }
}
