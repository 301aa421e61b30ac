import Testing

@testable import SluiceAMQP

/// Frames out of bytes that come in any pieces.
struct FrameParserTests {
    private func parser(frameMax: Int = 4_096, channelMax: UInt16 = 7) -> FrameParser {
        let parser = FrameParser()
        parser.frameMax = frameMax
        parser.channelMax = channelMax
        return parser
    }

    private func feed(_ parser: FrameParser, _ bytes: some Collection<UInt8>) {
        parser.room().copyBytes(from: bytes)
        parser.received(bytes.count)
    }

    /// The bodies that come out, for as long as frames do.
    private func bodies(_ parser: FrameParser) throws -> [[UInt8]] {
        var bodies: [[UInt8]] = []
        while let frame = try parser.next() {
            guard case .body(_, let bytes) = frame else { continue }
            bodies.append(Array(bytes))
        }
        return bodies
    }

    @Test func framesComeWholeHoweverTheirBytesDo() throws {
        let expected: [[UInt8]] = [[1, 2, 3], [], [4], Array(repeating: 5, count: 4_088)]
        let bytes = expected.flatMap { AMQPBytes.body(3, $0) + AMQPBytes.heartbeat }
        for size in [1, 2, 7, 8, 100, bytes.count] {
            let parser = parser()
            var found: [[UInt8]] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                feed(parser, bytes[start..<min(start + size, bytes.count)])
                found += try bodies(parser)
            }
            #expect(found == expected, "in pieces of \(size) bytes")
        }
    }

    /// What is wrong in nothing but this is an error, and that is said as soon as it can be known.
    @Test(
        arguments: [
            ("larger than agreed", Array(AMQPBytes.body(1, Array(repeating: 0, count: 4_089)).prefix(7)), "too large"),
            ("of 4 GiB", Array(AMQPBytes.frame(3, channel: 1, [], size: .max).prefix(8)), "too large"),
            ("without its end", AMQPBytes.frame(3, channel: 1, [1, 2], end: 0xCD), "no end"),
            ("of a channel that cannot be", AMQPBytes.body(8, [1]), "channel 8"),
            ("of no known type", [77], "no AMQP frame"),
            ("of another version", Array("AMQP".utf8) + [1, 1, 0, 9], "another version"),
            ("with half of a head", AMQPBytes.frame(2, channel: 1, [0, 60, 0, 0, 0]), "too short"),
            ("with a head of another class", AMQPBytes.header(1, size: 1, family: 10), "class 10"),
            ("with a method that has no number", AMQPBytes.frame(1, [0]), "no number"),
        ] as [(String, [UInt8], String)])
    func refusesAFrame(_ which: String, _ bytes: [UInt8], _ reason: String) {
        let parser = parser()
        // The size is looked at when there is as much as the smallest frame has.
        feed(parser, bytes + (bytes.count == 7 ? [0] : []))
        let error = #expect(throws: AMQPError.self, "\(which)") { _ = try parser.next() }
        #expect(error?.code == .malformed && error?.detail.contains(reason) == true, "\(which)")
    }

    @Test func nothingComesOfHalfAFrame() throws {
        let parser = parser()
        feed(parser, AMQPBytes.body(1, [1, 2, 3]).dropLast())
        #expect(try bodies(parser).isEmpty)
        feed(parser, [0xCE])
        #expect(try bodies(parser) == [[1, 2, 3]])
    }
}
