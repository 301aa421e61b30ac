import Sluice
import SluiceAMQP
import SluiceTesting
import Testing

/// Bytes that no broker sends, by the thousand.
@Suite(.timeLimit(.minutes(10)))
struct WireFuzzTests {
    /// Each connection is served a delivery in which some bytes were changed, cut out or put in.
    @Test func survivesDeliveriesThatWereChanged() async throws {
        let rounds = 300
        let server = try FakeAMQPServer(
            [
                .consume: .act { connection in
                    var random = SeededGenerator(seed: UInt64(connection.number))
                    connection.answer()
                    let whole = Self.delivery(connection.channel, connection.consumer)
                    connection.send(Self.change(whole, &random) + whole)
                    connection.hangUp()
                }
            ], spoiled: rounds, delivers: Array("fine".utf8))
        try await readUntilFine(server, rounds)
    }

    /// Each connection is served a handshake in which some bytes were changed.
    @Test func survivesHandshakesThatWereChanged() async throws {
        let rounds = 300
        let server = try FakeAMQPServer(
            [
                .header: .act { connection in
                    var random = SeededGenerator(seed: UInt64(connection.number))
                    connection.send(Self.change(AMQPBytes.start(), &random))
                    connection.send(Self.change(AMQPBytes.tune(), &random))
                    connection.send(Self.change(AMQPBytes.method(10, 41, [0]), &random))
                    connection.hangUp()
                }
            ], spoiled: rounds, delivers: Array("fine".utf8))
        try await readUntilFine(server, rounds)
    }

    /// Any publisher may nest tables: that must not use up the reader's stack.
    @Test(arguments: ["F", "A"])
    func survivesHeadersThatAreNestedAsDeepAsAFrameTakes(_ type: Character) async throws {
        let frameMax = 1 << 20
        let server = try FakeAMQPServer(
            [
                .startOk: .send(AMQPBytes.tune(frame: UInt32(frameMax))),
                .consume: .answer { channel, consumer in
                    AMQPBytes.delivery(
                        channel, consumer: consumer, tag: 1, Array("deep".utf8),
                        properties: AMQPBytes.headers(Self.nested(type, bytes: frameMax - 1_000)))
                },
            ], delivers: Array("fine".utf8))
        try await readUntilFine(server, 1, frameMax: frameMax)
    }

    static func nested(_ type: Character, bytes: Int) -> [UInt8] {
        let letter = type.asciiValue ?? 0
        // From the inside: an entry of a table has a name, an element of an array has none.
        let head: [UInt8] = type == "F" ? [0, letter] : [letter]
        let depth = bytes / (head.count + 4) - 4
        var lengths: [UInt8] = []
        for level in 0..<depth {
            lengths += head + AMQPBytes.big(UInt32((depth - level - 1) * (head.count + 4)))
        }
        return AMQPBytes.long(type == "F" ? lengths : [0] + lengths)
    }

    private func readUntilFine(_ server: FakeAMQPServer, _ rounds: Int, frameMax: Int = 131_072) async throws {
        var configuration = try WireConsumeTests.configuration(server)
        configuration.frameMax = frameMax
        let subscriber = try AMQPSubscriber(configuration, logger: LogRecorder().logger)
        var subscription: Subscription?
        var isFine = false
        try await eventually("a good message at last") {
            do {
                if subscription == nil { subscription = try await subscriber.subscribe(to: "t") }
                for delivery in try subscription?.take(100) ?? [] {
                    delivery.acknowledge()
                    if delivery.message.payload == Array("fine".utf8) { isFine = true }
                    if delivery.message.payload == Array("deep".utf8) { isFine = true }
                }
                if subscription?.isEnded == true { subscription = nil }
            } catch is AMQPError {
                subscription = nil
            }
            return isFine
        }
        await subscriber.close()
    }

    private static func delivery(_ channel: UInt16, _ consumer: String) -> [UInt8] {
        let table = AMQPBytes.table(
            AMQPBytes.entry("text", "S", AMQPBytes.long("value".utf8)), AMQPBytes.entry("yes", "t", [1]),
            AMQPBytes.entry("number", "l", AMQPBytes.big(Int64.min)),
            AMQPBytes.entry("list", "A", AMQPBytes.long([0x49, 0, 0, 0, 1, 0x56])),
            AMQPBytes.entry("table", "F", AMQPBytes.table(AMQPBytes.entry("d", "D", [2, 0, 0, 1, 0]))))
        // Content type, headers, delivery mode and time.
        let properties =
            [0xB0, 0x40] + AMQPBytes.short("text/plain") + table + [2] + AMQPBytes.big(UInt64(1_700_000_000))
        return AMQPBytes.delivery(channel, consumer: consumer, tag: 1, Array("body".utf8), properties: properties)
    }

    private static func change(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &random)
            case 1: bytes[place] = [0, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
            case 2: bytes.remove(at: place)
            case 3: bytes.insert(UInt8.random(in: .min ... .max, using: &random), at: place)
            default: bytes.removeSubrange(place...)
            }
        }
        return bytes
    }
}
