import Foundation
import Sluice
import SluiceJSON
import SluiceTesting
import Testing

@Suite(.timeLimit(.minutes(10)))
struct RouteJSONTests {
    struct Order: Codable, Equatable, Sendable {
        enum Kind: String, Codable { case goods, service }
        struct Item: Codable, Equatable { let sku: String, price: Int }
        var number: Int
        var kind = Kind.goods
        var items: [Item] = []
        var placed: Date?
    }

    struct Invoice: Codable, Equatable, Sendable {
        let order: Int
        let total: Int
    }

    private func probe(_ output: RecordingPublisher = RecordingPublisher()) throws -> RouteProbe {
        let broker = MemoryBroker()
        let route = Route(
            "invoicing", from: broker.subscriber(group: "g"), "orders", to: broker.publisher(), "invoices",
            json: Order.self
        ) { order, context in
            [
                try .json(
                    Invoice(order: order.number, total: order.items.reduce(0) { $0 + $1.price }),
                    metadata: ["of": "\(context.message.id)"])
            ]
        }
        return try RouteProbe(route, through: [PoisonQueue(to: output, "poison"), Retry()], output: output)
    }

    @Test func takesValuesAndReturnsThem() async throws {
        let order = Order(number: 7, items: [.init(sku: "a/b", price: 3), .init(sku: "c", price: 4)])
        let out = try await probe().send(.json(order, id: "m1"))
        #expect(out.outcome == .acked && out.published.map(\.topic) == ["invoices"])
        #expect(try out.published.first?.message.json(Invoice.self) == Invoice(order: 7, total: 7))
        #expect(out.published.first?.message.text == #"{"order":7,"total":7}"#)
        #expect(out.published.first?.message.metadata == ["of": "m1"])
    }

    @Test(arguments: [
        ("", "it is no valid JSON"), ("{", "it is no valid JSON"), ("\u{0}", "it is no valid JSON"),
        ("[]", "it is no "), (#"{"kind":"goods","items":[]}"#, "`number` is missing"),
        (#"{"number":"secret","kind":"goods","items":[]}"#, "`number` is no Int"),
        (#"{"number":null,"kind":"goods","items":[]}"#, "`number` is null or missing where Int is expected"),
        (#"{"number":7,"kind":"secret","items":[]}"#, "`kind` has a value that is not allowed"),
        (#"{"number":7,"kind":"goods","items":[{"sku":"a","price":1},{"sku":"b"}]}"#, "`items[1].price` is missing"),
    ])
    func whatDoesNotDecodeIsPoisonedWithTheReasonAndNoValue(_ json: String, _ fault: String) async throws {
        let out = try await probe().send(Message(text: json))
        #expect(out.outcome == .poisoned && out.attempts.count == 1 && out.published.map(\.topic) == ["poison"])
        let reason = try #require(out.published.first?.message.metadata[PoisonMetadata.reason])
        #expect(reason.hasPrefix("the payload is not the JSON of Order: \(fault)"))
        #expect(!reason.contains("secret"))
        #expect(out.metrics.value("sluice_poisoned_total", ["reason": "malformed_json"]) == 1)
    }

    @Test func whatIsNoUTF8IsPoisonedToo() async throws {
        #expect(try await probe().send(Message(payload: [0xFF, 0xFE, 0x00])).outcome == .poisoned)
    }

    @Test func aValueThatIsNoJSONIsPoisonedAndNotTriedForEver() async throws {
        let out = try await RouteProbe(
            json(Order.self) { _, _ in [try .json(Double.infinity)] },
            through: [PoisonQueue(to: RecordingPublisher(), "poison"), Retry()]
        ).send(.json(Order(number: 1)))
        #expect(out.outcome == .poisoned)
        #expect(out.metrics.value("sluice_poisoned_total", ["reason": "unencodable_json"]) == 1)
    }

    @Test func aDecoderOfOnesOwnIsUsed() async throws {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .secondsSince1970
        let route = Route("r", from: MemoryBroker().subscriber(), "orders", json: Order.self, decoder: decoder) {
            order, _ in
            #expect(order.placed == Date(timeIntervalSince1970: 60))
        }
        let out = try await RouteProbe(route).send(
            Message(text: #"{"number":1,"kind":"service","items":[],"placed":60}"#))
        #expect(out.outcome == .acked)
    }

    @Test func equalValuesHaveEqualPayloads() throws {
        struct Many: Encodable { let z = 1, a = 2, m = "x/y" }
        #expect(try Message.json(Many()).text == #"{"a":2,"m":"x/y","z":1}"#)
    }
}
