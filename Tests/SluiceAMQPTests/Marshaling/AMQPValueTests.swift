import CRabbitMQ
import Testing

@testable import SluiceAMQP

struct AMQPValueTests {
    static let every: [(value: AMQPValue, text: String)] = [
        (.bool(true), "true"), (.bool(false), "false"), (.int8(-8), "-8"), (.uint8(200), "200"), (.int16(-300), "-300"),
        (.uint16(60_000), "60000"), (.int32(.min), "-2147483648"), (.uint32(.max), "4294967295"),
        (.int64(.min), "-9223372036854775808"), (.uint64(.max), "18446744073709551615"), (.float(1.5), "1.5"),
        (.double(-0.1), "-0.1"), (.double(.infinity), "inf"), (.decimal(value: 12_345, scale: 2), "123.45"),
        (.decimal(value: -5, scale: 3), "-0.005"), (.decimal(value: 7, scale: 0), "7"),
        (.decimal(value: .min, scale: 10), "-0.2147483648"), (.text("plain \"text\""), "plain \"text\""),
        (.text(""), ""), (.bytes([0, 15, 255]), "000fff"), (.timestamp(1_700_000_000), "1700000000"),
        (.array([.int32(1), .text("a\"b\n"), .void, .bytes([1])]), #"[1,"a\"b\n",null,01]"#), (.array([]), "[]"),
        (.table(["count": .int64(2), "queue": "q", "inner": .table([:])]), #"{"count":2,"queue":"q","inner":{}}"#),
        (.void, ""),
    ]

    @Test(arguments: every)
    func hasAStableText(_ value: AMQPValue, _ text: String) {
        #expect(value.description == text)
    }

    /// Through librabbitmq's own encoder and decoder.
    @Test(arguments: every)
    func survivesTheWire(_ value: AMQPValue, _ text: String) throws {
        var properties = AMQPProperties()
        properties.headers.append("header", value)
        let encoded = try encode(properties)
        #expect(try AMQPProperties(encoded: encoded, using: NativePool()) == properties)
        #expect(encoded.count <= properties.size)
    }

    @Test func everyPropertySurvivesTheWire() throws {
        var properties = AMQPProperties()
        for (index, text) in AMQPProperties.texts.enumerated() { properties[keyPath: text.path] = "text \(index)" }
        properties.headers = ["a": "b", "名": "東京"]
        properties.timestamp = 1_700_000_000
        properties.priority = 9
        properties.isPersistent = false
        let encoded = try encode(properties)
        #expect(try AMQPProperties(encoded: encoded, using: NativePool()) == properties)
        #expect(encoded.count <= properties.size)
        #expect(properties.isEncodable)
    }

    @Test func bytesThatAreNoTextAreKeptAsBytes() {
        let memory = LentText("x")
        memory.bytes.bytes?.storeBytes(of: 0xFF, as: UInt8.self)
        var field = amqp_field_value_t()
        field.kind = UInt8(AMQP_FIELD_KIND_UTF8.rawValue)
        field.value.bytes = memory.bytes
        #expect(AMQPValue(field, depth: 1) == .bytes([0xFF]))
    }

    @Test func valuesThatAreNestedBeyondReasonAreNotTakenIn() throws {
        func nested(_ depth: Int) -> AMQPProperties {
            var properties = AMQPProperties()
            properties.headers.append("deep", (0..<depth).reduce(.int8(1)) { value, _ in .array([value]) })
            return properties
        }
        let deep = nested(40)
        #expect(try AMQPProperties(encoded: try encode(deep), using: NativePool()) == deep)
        let tooDeep = try encode(nested(200))
        #expect(throws: AMQPError.self) { try AMQPProperties(encoded: tooDeep, using: NativePool()) }
    }

    @Test func namesLongerThanAByteCountsAreFound() {
        let long = String(repeating: "n", count: 256)
        #expect(!AMQPTable(dictionaryLiteral: (long, "x")).isEncodable)
        #expect(
            !AMQPTable(dictionaryLiteral: ("a", .array([.table(AMQPTable(dictionaryLiteral: (long, "x")))])))
                .isEncodable)
        var properties = AMQPProperties()
        properties.contentType = long
        #expect(!properties.isEncodable)
        properties.contentType = String(long.dropLast())
        #expect(properties.isEncodable)
    }

    @Test(
        arguments: [[], [0x20], [0x20, 0], [0x20, 0, 0, 0, 0, 9], [0x20, 0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0x61, 0x53]]
            as [[UInt8]])
    func whatIsNoTableIsAnErrorAndNoTrap(_ bytes: [UInt8]) {
        #expect(throws: AMQPError.self) { try AMQPProperties(encoded: bytes, using: NativePool()) }
    }

    @Test func noBytesTrap() {
        for seed in 0..<2_000 {
            var bytes: [UInt8] = [0x20, 0]
            let count = seed % 60
            let body = (0..<count).map { _ in UInt8.random(in: 0...255) }
            bytes += [0, 0, 0, UInt8(count)] + body
            _ = try? AMQPProperties(encoded: bytes, using: NativePool())
        }
    }

    private func encode(_ properties: AMQPProperties) throws -> [UInt8] {
        let pool = NativePool()
        var native = properties.encoded(in: pool)
        var bytes = [UInt8](repeating: 0, count: 131_072)
        let length = bytes.withUnsafeBytes { buffer in
            amqp_encode_properties(Method.basicClass, &native, amqp_bytes_t(buffer))
        }
        try #require(length >= 0)
        bytes.removeLast(bytes.count - Int(length))
        return bytes
    }
}
