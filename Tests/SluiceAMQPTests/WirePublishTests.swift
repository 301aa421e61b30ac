import Foundation
import Sluice
import SluiceAMQP
import SluiceTesting
import Testing

/// Brokers that break the protocol under a publisher: nothing counts as published that was not confirmed.
@Suite(.timeLimit(.minutes(10)))
struct WirePublishTests {
    static let scenarios = [
        WireScenario("hangs up at once", .header, .close),
        WireScenario("is no broker", .header, .send(Array(repeating: 0x41, count: 100)).then(.close)),
        WireScenario("says nothing at all", .header, .silence),
        WireScenario("knows no confirms", .selectConfirms, .send(AMQPBytes.connectionClose(540, "NOT_IMPLEMENTED"))),
        WireScenario("does not answer for confirms", .selectConfirms, .silence),
        WireScenario("hangs up on a message", .message, .close),
        WireScenario("resets on a message", .message, .reset),
        WireScenario("falls silent on a message", .message, .silence),
        WireScenario("sends garbage") { _, _ in Array(repeating: 0x5A, count: 1_000) },
        WireScenario("confirms in half") { channel, _ in AMQPBytes.method(60, 80, channel: channel, [0, 0, 0]) },
        WireScenario("confirms a message that was never sent") { channel, count in
            AMQPBytes.method(60, 80, channel: channel, AMQPBytes.big(count + 1_000) + [0])
        },
        WireScenario("confirms the largest number") { channel, _ in
            AMQPBytes.method(60, 80, channel: channel, AMQPBytes.big(UInt64.max) + [0])
        },
        WireScenario("confirms everything up to the largest number") { channel, _ in
            AMQPBytes.method(60, 80, channel: channel, AMQPBytes.big(UInt64.max) + [1])
        },
        WireScenario("confirms on another channel") { _, count in
            AMQPBytes.method(60, 80, channel: 1_999, AMQPBytes.big(count) + [0])
        },
        WireScenario("returns without a message, and hangs up") { channel, _ in
            AMQPBytes.method(60, 50, channel: channel, [1, 56] + AMQPBytes.short("NO_ROUTE") + [0, 0])
                + AMQPBytes.connectionClose(541, "INTERNAL_ERROR")
        },
        WireScenario("closes the channel", .message, .replyOnce { AMQPBytes.channelClose($0, 541, "INTERNAL_ERROR") }),
        WireScenario("closes the connection") { _, _ in AMQPBytes.connectionClose(320, "CONNECTION_FORCED") },
    ]

    @Test(arguments: scenarios)
    func publishesInTheEndWhenTheBroker(_ scenario: WireScenario) async throws {
        let server = try FakeAMQPServer(scenario.acts)
        let log = LogRecorder()
        let publisher = try Self.publisher(server, log)
        var failures: [String] = []
        try await eventually("a publish that is confirmed; \(log.text)") {
            do {
                try await publisher.publish([Message(payload: [1])], to: "t")
                return true
            } catch {
                failures.append("\(error)")
                return false
            }
        }
        #expect(!failures.isEmpty || server.connectionCount >= 2, "a message counts that was never confirmed")
        if ["never sent", "largest number"].contains(where: scenario.testDescription.hasSuffix) {
            // Who confirms nonsense is believed no more.
            #expect(log.text.contains("confirmed a message that does not wait for it"), "\(log.text)")
        }
        #expect(!log.text.contains("s3cret") && !failures.contains { $0.contains("s3cret") })
        await publisher.close()
    }

    @Test func namesTheMessagesThatTheBrokerRefuses() async throws {
        let server = try FakeAMQPServer(
            [
                .message: .reply { channel, count in
                    AMQPBytes.method(60, count % 3 == 0 ? 120 : 80, channel: channel, AMQPBytes.big(count) + [0])
                }
            ], spoiled: .max)
        let publisher = try Self.publisher(server, LogRecorder())
        let messages = (0..<9).map { Message(payload: [$0]) }
        let error = await #expect(throws: PublishError.self) { try await publisher.publish(messages, to: "t") }
        #expect(error?.notAccepted == [messages[2].id, messages[5].id, messages[8].id])
        #expect((error?.underlying as? AMQPError)?.code == .refused)
        await publisher.close()
    }

    @Test func namesTheMessagesThatComeBack() async throws {
        let server = try FakeAMQPServer(
            [
                .message: .reply { channel, count in
                    let back =
                        AMQPBytes.method(
                            60, 50, channel: channel,
                            [1, 56] + AMQPBytes.short("NO_ROUTE") + [0] + AMQPBytes.short("t"))
                        + AMQPBytes.header(channel, size: 1)
                        + AMQPBytes.body(channel, [UInt8(truncatingIfNeeded: count)])
                    let confirm = AMQPBytes.method(60, 80, channel: channel, AMQPBytes.big(count) + [0])
                    return count == 2 ? back + confirm : confirm
                }
            ], spoiled: .max)
        let publisher = try Self.publisher(server, LogRecorder())
        let messages = (0..<4).map { Message(payload: [$0]) }
        let error = await #expect(throws: PublishError.self) { try await publisher.publish(messages, to: "t") }
        #expect((error?.underlying as? AMQPError)?.code == .unroutable)
        // A return says what came back, not which one it was: they are told apart by the id in it.
        #expect(error?.notAccepted.isEmpty == false)
        await publisher.close()
    }

    /// One confirm for many.
    @Test func takesCumulativeConfirms() async throws {
        let server = try FakeAMQPServer(
            [
                .message: .reply { channel, count in
                    count % 50 == 0 ? AMQPBytes.method(60, 80, channel: channel, AMQPBytes.big(count) + [1]) : []
                }
            ], spoiled: .max)
        let publisher = try Self.publisher(server, LogRecorder(), patience: .seconds(30))
        try await withThrowingDiscardingTaskGroup { group in
            for _ in 0..<50 {
                group.addTask { try await publisher.publish([Message(payload: [1])], to: "t") }
            }
            group.addTask { try await publisher.publish((0..<50).map { Message(payload: [$0]) }, to: "t") }
        }
        #expect(server.connectionCount == 1)
        await publisher.close()
    }

    /// Out of order, late and twice.
    @Test func takesConfirmsInAnyOrder() async throws {
        let server = try FakeAMQPServer(
            [
                .message: .reply { channel, count in
                    guard count == 10 else { return [] }
                    let confirms = [7, 3, 10, 1, 2, 9, 8, 4, 6, 5, 5, 5].map { tag in
                        AMQPBytes.method(60, 80, channel: channel, AMQPBytes.big(UInt64(tag)) + [0])
                    }
                    return confirms.flatMap(\.self)
                }
            ])
        let publisher = try Self.publisher(server, LogRecorder())
        // A confirm that comes twice may end the connection, but not what was confirmed.
        try await publisher.publish((0..<10).map { Message(payload: [$0]) }, to: "t")
        try await eventually("the next publish") {
            (try? await publisher.publish([Message(payload: [1])], to: "t")) != nil
        }
        await publisher.close()
    }

    @Test func waitsWhileTheBrokerIsBlocked() async throws {
        let server = try FakeAMQPServer(
            [
                .open: .act { connection in
                    connection.answer()
                    connection.send(AMQPBytes.method(10, 60, AMQPBytes.short("low on memory")))
                }
            ])
        let publisher = try Self.publisher(server, LogRecorder(), patience: .seconds(30))
        let publishing = Task { try await publisher.publish([Message(payload: [1])], to: "t") }
        try await eventually { publisher.connectionState.isBlocked }
        // Time enough to send it.
        try await Task.sleep(for: .milliseconds(300))
        #expect(!server.methods.contains(.method(60, 40)))
        publishing.cancel()
        await #expect(throws: (any Error).self) { try await publishing.value }
        await publisher.close()
    }

    /// - Parameter patience: for a server that is not late, only slow; nil where its lateness is what is tested.
    private static func publisher(
        _ server: FakeAMQPServer, _ log: LogRecorder, patience: Duration? = nil
    ) throws -> AMQPPublisher {
        var options = AMQPPublisher.Configuration()
        options.publishTimeout = patience ?? .seconds(2)
        var configuration = try WireConsumeTests.configuration(server)
        if let patience {
            configuration.connectTimeout = patience
            configuration.requestTimeout = patience
            configuration.heartbeat = patience
        }
        return try AMQPPublisher(configuration, configuration: options, logger: log.logger)
    }
}

extension WireScenario {
    /// What comes instead of a confirm.
    fileprivate init(
        _ name: String, answers make: @escaping @Sendable (_ channel: UInt16, _ count: UInt64) -> [UInt8]
    ) {
        self.init(name, .message, .reply(make))
    }
}
