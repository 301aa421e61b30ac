import Foundation
import Logging
import Sluice
import SluiceAMQP
import SluiceTesting
import Testing

/// Numbers that a publisher may have written into a message, which end no process.
@Suite(.timeLimit(.minutes(10)))
struct WireNumbersTests {
    private static let integers: [(String, Character, [UInt8])] = [
        ("the least", "l", AMQPBytes.big(Int64.min)), ("the largest", "l", AMQPBytes.big(Int64.max)),
        ("negative", "I", AMQPBytes.big(Int32(-1))), ("zero", "I", AMQPBytes.big(Int32(0))),
        ("no number", "d", AMQPBytes.big(Double.nan.bitPattern)),
        ("infinite", "d", AMQPBytes.big(Double.infinity.bitPattern)),
        ("decimal", "D", [255] + AMQPBytes.big(UInt32.max)), ("a time", "T", AMQPBytes.big(UInt64.max)),
        ("text", "S", AMQPBytes.long("9223372036854775808".utf8)), ("nothing", "V", []),
    ]

    private static func properties(_ type: Character, _ value: [UInt8], time: UInt64) -> [UInt8] {
        let names = ["x-sluice-attempt", "x-delivery-count", "x-retry", "CC"]
        let death = AMQPBytes.table(
            AMQPBytes.entry("count", type, value), AMQPBytes.entry("time", type, value),
            AMQPBytes.entry("queue", "S", AMQPBytes.long("t".utf8)))
        let headers = AMQPBytes.long(
            names.flatMap { AMQPBytes.entry($0, type, value) }
                + AMQPBytes.entry("x-death", "A", AMQPBytes.long([UInt8(ascii: "F")] + death)))
        // Headers, delivery mode, priority and time.
        return [0x38, 0x40] + headers + [255, 255] + AMQPBytes.big(time)
    }

    @Test(arguments: integers.map(\.0), [UInt64(0), UInt64(Int64.max), .max])
    func noNumberOfAMessageEndsTheProcess(_ name: String, _ time: UInt64) async throws {
        let (_, type, value) = try #require(Self.integers.first { $0.0 == name })
        let server = try FakeAMQPServer(
            [
                .consume: .answer { channel, consumer in
                    AMQPBytes.delivery(
                        channel, consumer: consumer, tag: 1, [7], properties: Self.properties(type, value, time: time))
                }
            ])
        let subscriber = try AMQPSubscriber(
            try WireConsumeTests.configuration(server), logger: LogRecorder().logger)
        let subscription = try await subscriber.subscribe(to: "t")
        let delivery = try await subscription.first()
        #expect((1...(1 << 30)).contains(delivery.origin.attempt))
        #expect(delivery.origin.timestamp?.millisecondsSince1970 == (time == 0 ? 0 : nil))
        // Its copy in a queue for rejected messages counts on from there.
        delivery.reject(after: .seconds(Int64.max))
        try await eventually("the copy, or what was given back") {
            // basic.publish, basic.reject, basic.nack
            server.methods.contains { [.method(60, 40), .method(60, 90), .method(60, 120)].contains($0) }
        }
        await subscriber.close()
    }
}
