import Sluice
import SluiceTesting
import Testing

@testable import SluiceGateway

/// What counts as delivered by a sink.
struct RecordDeliveredTests {
    private let book = DeliveredBook()
    private let event = Delivery.Origin(partition: 2, offset: 70)

    private func isNoted(_ offset: Int64) -> Bool {
        book.contains(RedrivePlace(partition: 2, offset: offset), by: "log-to-slack")
    }

    private func probe(_ handler: @escaping Handler) throws -> RouteProbe {
        try RouteProbe(handler, through: [RecordDelivered(book: book, route: "log-to-slack", events: "events")])
    }

    private func inHand(_ kind: RedriveJob.Kind, _ poisoned: Metadata) -> RedriveInHand {
        let step = RedriveStep(place: RedrivePlace(partition: 2, offset: 5))
        return RedriveInHand(
            RedriveJob(kind: kind, lane: "log-to-slack", name: "slack"),
            RedriveEntry(
                step: step, timestamp: Timestamp(millisecondsSince1970: 0), message: Message(payload: []),
                poisoned: poisoned, isForced: false))
    }

    @Test func whatWasDeliveredIsNotedByItsPlace() async throws {
        _ = try await probe { _, _ in [] }.send(Message(payload: []), origin: event)
        #expect(isNoted(70) && !isNoted(71))
        #expect(!book.contains(RedrivePlace(partition: 2, offset: 70), by: "log-to-grafana"))
    }

    @Test(arguments: [DeliveryOutcome.filtered, .deduplicated, .poisoned, .discarded])
    func whatWasPassedOverIsNot(outcome: DeliveryOutcome) async throws {
        let probe = try probe { _, context in
            context.settle(as: outcome)
            return []
        }
        _ = try await probe.send(Message(payload: []), origin: event)
        #expect(!isNoted(70))
    }

    @Test func whatFailedIsNot() async throws {
        _ = try await probe { _, _ in throw HandlerError("no", reason: "no", disposition: .retry()) }.send(
            Message(payload: []), origin: event)
        #expect(!isNoted(70))
    }

    @Test func aMessageWithoutAPlaceIsNone() async throws {
        _ = try await probe { _, _ in [] }.send(Message(payload: []))
        #expect(book.takeOut().isEmpty)
    }

    /// What a job has in hand lies where the event lay, and not where the poison queue has it.
    @Test func whatAJobHasDeliveredIsNotedByItsFirstPlace() async throws {
        var poisoned = Metadata()
        poisoned[PoisonMetadata.topic] = "events"
        poisoned[PoisonMetadata.partition] = "2"
        poisoned[PoisonMetadata.offset] = "44"
        try await probe(InHand(inHand: inHand(.retry, poisoned)))
        #expect(isNoted(44) && !isNoted(5) && !isNoted(70))
        try await probe(InHand(inHand: inHand(.replay, Metadata())))
        #expect(isNoted(5) && !isNoted(70))
    }

    /// It never was an event: a source's own, or poisoned by a version that noted no place.
    @Test(arguments: [
        ["topic": "deployments", "partition": "2", "offset": "44"], ["topic": "events", "offset": "44"],
    ])
    func whatWasNoEventIsNotNoted(noted: [String: String]) async throws {
        var poisoned = Metadata()
        poisoned[PoisonMetadata.topic] = noted["topic"]
        poisoned[PoisonMetadata.partition] = noted["partition"]
        poisoned[PoisonMetadata.offset] = noted["offset"]
        try await probe(InHand(inHand: inHand(.retry, poisoned)))
        #expect(book.takeOut().isEmpty)
    }

    private func probe(_ outer: InHand) async throws {
        let chain: [any Middleware] = [outer, RecordDelivered(book: book, route: "log-to-slack", events: "events")]
        _ = try await RouteProbe({ _, _ in [] }, through: chain).send(Message(payload: []), origin: event)
    }

    /// As `RedriveWatch`.
    private struct InHand: Middleware {
        let inHand: RedriveInHand

        func wrap(_ next: @escaping Handler, for scope: RouteScope) throws -> Handler {
            { [inHand] message, context in
                try await RedriveInHand.$current.withValue(inHand) { try await next(message, context) }
            }
        }
    }
}
