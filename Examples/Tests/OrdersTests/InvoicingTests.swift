import Orders
import Sluice
import SluiceJSON
import SluiceTesting
import Testing

/// The service without its broker: the handler, its route with every middleware, and the middleware of its own.
@Suite(.timeLimit(.minutes(1)))
struct InvoicingTests {
    /// Answers as the test says.
    struct FakeWarehouse: Warehouse {
        let answers: AnswerScript
        let time: RouterTime

        func reserve(_ items: [Order.Item], for order: Int) async throws {
            try await answers.answer(in: time)
        }
    }

    private let order = Order(number: 7, customer: "acme", items: [.init(sku: "a", quantity: 2, price: 150)])

    private func send(_ message: Message, _ answers: AnswerScript = []) async throws -> RouteProbe.Report {
        try await VirtualTime.run { time in
            let output = RecordingPublisher()
            let invoicing = Invoicing(FakeWarehouse(answers: answers, time: time))
            let probe = try RouteProbe(
                invoicing.route(from: MemoryBroker(time: time).subscriber(), to: output),
                through: Invoicing.middlewares(poison: output), output: output, time: time)
            return try await probe.send(message)
        }
    }

    @Test func anOrderBecomesAnInvoice() async throws {
        let out = try await send(.json(order, id: "m1"))
        #expect(out.outcome == .acked)
        let record = try #require(out.published.first)
        #expect(record.topic == "invoices" && record.message.metadata["correlation_id"] == "m1")
        #expect(try record.message.json(Invoice.self) == Invoice(order: 7, customer: "acme", total: 300))
    }

    @Test func aBusyWarehouseIsAskedAgain() async throws {
        let out = try await send(.json(order), [.fail(WarehouseBusy()), .fail(WarehouseBusy())])
        #expect(out.outcome == .acked && out.attempts.count == 3)
        #expect(out.waits == [.milliseconds(200), .milliseconds(200)])
    }

    @Test func aWarehouseThatDoesNotAnswerIsGivenUpAfterThreeAttempts() async throws {
        let silence = AnswerScript([], then: .succeed.delayed(by: .seconds(3_600)))
        let out = try await send(.json(order), silence)
        #expect(out.outcome == .poisoned && silence.calls == 3)
        #expect(out.elapsed == .milliseconds(30_400))
        #expect(out.log.contains { $0.message == "message took long" && $0.metadata["attempts"] == "3" })
    }

    @Test func whatIsNoOrderIsPoisonedWithTheReason() async throws {
        let out = try await send(Message(text: #"{"number":7,"customer":"acme"}"#))
        #expect(out.outcome == .poisoned && out.published.map(\.topic) == ["poison"])
        #expect(
            out.published.first?.message.metadata[PoisonMetadata.reason]
                == "the payload is not the JSON of Order: `items` is missing")
        let empty = try await send(.json(Order(number: 7, customer: "acme", items: [])))
        #expect(empty.outcome == .poisoned && empty.attempts.count == 1)
    }

    @Test func theHandlerCanBeCalledAlone() async throws {
        let probe = try RouteProbe(consuming: { _, _ in })
        let warehouse = FakeWarehouse(answers: [], time: .real)
        let messages = try await Invoicing(warehouse).handle(order, probe.context(Message(text: "")))
        #expect(try messages.map { try $0.json(Invoice.self).total } == [300])
    }

    @Test func aLimitThatMakesNoSenseIsRefused() {
        let error = #expect(throws: ConfigurationError.self) {
            try RouteProbe({ _, _ in [] }, through: [LogSlow(over: .zero)])
        }
        #expect(error?.field == "LogSlow.limit")
    }
}
