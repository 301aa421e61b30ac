import Logging
import Sluice
import SluicePrometheus
import SluiceTesting
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10)))
struct PoisonQueueTests {
    private let bad = HandlerError("cannot be read", reason: "unreadable", disposition: .poison("unreadable"))

    @Test func movesTheMessageWithEverythingThatIsKnownOfIt() async throws {
        let poison = RecordingPublisher()
        let meters = Meters()
        var correlation = CorrelationID()
        correlation.name = "trace"
        let chain = try Chain([correlation, PoisonQueue(to: poison, "poison")], meters: meters) { _, _ in throw bad }
        var message = Message.numbered(3, key: "k")
        message.metadata["trace"] = "abc"
        let context = chain.context(message, origin: .init(partition: 4, offset: 17))
        let before = Timestamp.now().millisecondsSince1970
        #expect(try await chain(message, context).isEmpty)
        #expect(context.outcome == .poisoned)
        let record = try #require(poison.records.first)
        #expect(
            record.topic == "poison" && record.message.id == message.id && record.message.payload == message.payload)
        let metadata = record.message.metadata
        #expect(metadata["reason_poisoned"] == "cannot be read")
        #expect(metadata["topic_poisoned"] == "in")
        #expect(metadata["handler_poisoned"] == "route")
        #expect(metadata["subscriber_poisoned"] == "source")
        #expect(metadata["attempts_poisoned"] == "1")
        #expect(metadata["partition_poisoned"] == "4")
        #expect(metadata["offset_poisoned"] == "17")
        #expect(metadata["key"] == "k" && metadata["trace"] == "abc")
        let time = try #require(metadata["time_poisoned"].flatMap { Int64($0) })
        #expect(time >= before && time <= Timestamp.now().millisecondsSince1970)
        #expect(meters.value("sluice_poisoned_total", ["reason": "unreadable"]) == 1)
        #expect(meters.value("sluice_messages_published_total", ["topic": "poison"]) == 1)
    }

    @Test func filtersByWhatTheErrorIs() async throws {
        func moves(
            _ filter: PoisonQueue.Filter, _ error: any Error, retry: Retry? = nil,
            destination: Destination.Configuration = .unbounded
        ) async throws -> Bool {
            let poison = RecordingPublisher()
            let inside: [any Middleware] = retry.map { [$0] } ?? []
            let chain = try Chain(
                [PoisonQueue(to: poison, "p", filter: filter)] + inside, destination: destination
            ) { _, _ in throw error }
            do {
                try await chain()
                #expect(poison.records.count == 1)
                return true
            } catch {
                #expect(poison.records.isEmpty)
                return false
            }
        }
        var twice = Retry(maxAttempts: 2)
        twice.backoff = .constant(.zero)
        var broke = twice
        broke.maxAttempts = 9
        #expect(try await moves(.exhausted, bad))
        #expect(try await moves(.exhausted, Broken()))
        #expect(try await moves(.exhausted, Broken(), retry: twice))
        #expect(try await !moves(.exhausted, Broken(), retry: broke, destination: .budget(1)))
        #expect(try await moves(.permanent, bad))
        #expect(try await !moves(.permanent, Broken()))
        #expect(try await !moves(.permanent, Broken(), retry: twice))
        #expect(try await moves(.custom { $0 is Broken }, Broken()))
        #expect(try await !moves(.custom { $0 is Broken }, bad))
        for disposition in [Disposition.discard("d"), .hold("h")] {
            let error = HandlerError("x", reason: "x", disposition: disposition)
            #expect(try await !moves(.custom { _ in true }, error))
        }
    }

    @Test func rejectsAMessageThatItCannotMove() async throws {
        let source = Source([.numbered(0)], redelivery: .source)
        let meters = Meters()
        let poison = FailingPublisher([], then: .fail(Broken()))
        let router = Router.quick([PoisonQueue(to: poison, "poison")], meters: meters)
        try router.add(Route("r", from: source, "in") { [bad] _, _ in throw bad })
        try await router.whileRunning { try await eventually { source.rejectedCount == 1 } }
        let error = try #require(source.rejections[0]?.error as? PoisonQueueError)
        #expect(error.original is HandlerError && error.publishing is Broken)
        #expect(!Disposition(of: error).isPermanent)
        #expect(meters.value("sluice_poison_publish_failures_total") == 1)
        #expect(meters.value("sluice_deliveries_total", ["outcome": "poisoned"]) == 0)
        #expect(meters.value("sluice_deliveries_total", ["outcome": "rejected"]) == 1)
    }

    @Test(arguments: [true, false])
    func movesWhatCameWithAFailurePastTheHandler(metered: Bool) async throws {
        let source = Source()
        source.offer([.numbered(7)], origin: .init(failure: bad))
        source.offer([.numbered(8)])
        let poison = RecordingPublisher()
        let handled = Journal<Int>()
        let router = Router.quick([PoisonQueue(to: poison, "poison")], meters: metered ? Meters() : nil)
        try router.add(
            Route("r", from: source, "in") { message, _ in
                handled.add(message.number)
            })
        try await router.whileRunning { try await eventually { source.acknowledgedCount == 2 } }
        #expect(handled.entries == [8])
        #expect(poison.records.map(\.message.number) == [7])
        #expect(poison.records.first?.message.metadata["reason_poisoned"] == "cannot be read")
    }

    @Test func cutsDownWhatThePoisonQueueCanNeverTake() async throws {
        let meters = Meters()
        let log = LogRecorder()
        let poison = PickyPublisher { $0.wireSize <= 1_000 }
        let chain = try Chain([PoisonQueue(to: poison, "poison")], meters: meters, logger: log.logger) {
            [bad] _, _ in throw bad
        }
        let message = Message(id: "m", metadata: ["kept": "too"], payload: Array(repeating: 7, count: 1_200))
        let context = chain.context(message, origin: .init(partition: 4, offset: 17))
        #expect(try await chain(message, context).isEmpty)
        #expect(context.outcome == .poisoned)
        let moved = try #require(poison.taken.first)
        #expect(moved.id == "m" && moved.payload == Array(repeating: 7, count: 600))
        #expect(moved.metadata["truncated_poisoned"] == "1200")
        #expect(moved.metadata["topic_poisoned"] == "in" && moved.metadata["kept"] == "too")
        #expect(moved.metadata["partition_poisoned"] == "4" && moved.metadata["offset_poisoned"] == "17")
        #expect(moved.metadata["reason_poisoned"] == "cannot be read")
        #expect(meters.value("sluice_poison_truncated_total") == 1)
        #expect(meters.value("sluice_poison_not_kept_total") == 0)
        #expect(meters.value("sluice_poison_publish_failures_total") == 0)
        #expect(log.text.contains("truncated_from_bytes=1200"))
    }

    /// Whatever of it is too large: the payload, the metadata, the id, or the error's words.
    @Test(arguments: [
        Message(id: "m", metadata: ["kept": "too"], payload: Array(repeating: 7, count: 1 << 20)),
        Message(id: "m", metadata: ["large": String(repeating: "x", count: 5_000)], payload: [1]),
        Message(id: MessageID(String(repeating: "i", count: 5_000)), payload: []),
    ])
    func aCopyWithoutPayloadAndMetadataIsTheLastThatIsTried(message: Message) async throws {
        let poison = PickyPublisher { $0.wireSize <= 9_000 && $0.payload.isEmpty && $0.metadata["large"] == nil }
        let error = HandlerError(String(repeating: "e", count: 1 << 20), reason: "r", disposition: .poison("r"))
        let chain = try Chain([PoisonQueue(to: poison, "poison")]) { _, _ in throw error }
        let context = chain.context(message, origin: .init(offset: 17))
        try await chain(message, context)
        #expect(context.outcome == .poisoned)
        let moved = try #require(poison.taken.first)
        #expect(moved.metadata["offset_poisoned"] == "17" && moved.metadata["topic_poisoned"] == "in")
        #expect(moved.id == message.id || moved.metadata["id_poisoned"]?.hasPrefix("iiii") == true)
        #expect(poison.refusals < 16)
    }

    @Test func acknowledgesWhatThePoisonQueueRefusesForGood() async throws {
        let meters = Meters()
        let log = LogRecorder()
        let poison = PickyPublisher { _ in false }
        let source = Source()
        source.offer([.numbered(0)], origin: .init(partition: 4, offset: 17))
        source.offer([.numbered(1)])
        let handled = Journal<Int>()
        let router = Router(
            configuration: .quick, middlewares: [PoisonQueue(to: poison, "poison"), Retry()],
            instruments: meters.instruments, logger: log.logger)
        try router.add(
            Route("r", from: source, "in", ordering: .serial) { [bad] message, _ in
                if message.number == 0 { throw bad }
                handled.add(message.number)
            })
        try await router.whileRunning { try await eventually { source.acknowledgedCount == 2 } }
        #expect(handled.entries == [1] && source.rejectedCount == 0)
        #expect(meters.value("sluice_poison_not_kept_total") == 1)
        #expect(meters.value("sluice_deliveries_total", ["outcome": "discarded"]) == 1)
        let line = try #require(log.entries.first { $0.message.contains("not kept") })
        #expect(line.level == .error && line.metadata["topic"] == "in")
        #expect(line.metadata["partition"] == "4" && line.metadata["offset"] == "17")
        #expect(line.metadata["refusal"] == "picky" && line.metadata["message_id"] == "m0")
    }

    /// What is moved can be read again: the facts have room among as much metadata as a message may have.
    @Test func keepsACopyWithinTheLimitsOfMetadata() async throws {
        let poison = RecordingPublisher()
        let chain = try Chain([CorrelationID(), PoisonQueue(to: poison, "poison")]) { [bad] _, _ in throw bad }
        var message = Message.numbered(0)
        for index in 0..<MetadataLimits.count { message.metadata["name \(index)"] = "value" }
        try await chain(message, chain.context(message))
        let metadata = try #require(poison.records.first).message.metadata
        #expect(MetadataLimits.excess(of: metadata) == nil && metadata.count == MetadataLimits.count)
        #expect(metadata["reason_poisoned"] == "cannot be read" && metadata["name 0"] == "value")
    }

    @Test func movesNothingThatWasCancelled() async throws {
        let poison = RecordingPublisher()
        let gate = Gate()
        let chain = try Chain([PoisonQueue(to: poison, "p", filter: .custom { _ in true })]) { [bad] _, _ in
            try? await gate.wait()
            throw bad
        }
        let task = Task { try await chain() }
        try await eventually { gate.waiting == 1 }
        task.cancel()
        await #expect(throws: HandlerError.self) { try await task.value }
        #expect(poison.records.isEmpty)
    }

    @Test func movesNothingThatADeadlineOutsideOfItCancelled() async throws {
        try await VirtualTime.run { time in
            let poison = RecordingPublisher()
            let gate = Gate()
            let chain = try Chain(
                [
                    Timeout(.milliseconds(5)), PoisonQueue(to: poison, "p", filter: .custom { _ in true }),
                ], time: time
            ) { _, _ in
                try await gate.wait()
                return []
            }
            await #expect(throws: TimeoutError.self) { try await chain() }
            #expect(poison.records.isEmpty)
        }
    }
}

/// Refuses for good what it does not like.
private final class PickyPublisher: Publisher {
    let name = "picky"
    private let likes: @Sendable (Message) -> Bool
    private let state = Mutex<(taken: [Message], refusals: Int)>(([], 0))

    init(_ likes: @escaping @Sendable (Message) -> Bool) {
        self.likes = likes
    }

    var taken: [Message] { state.withLock(\.taken) }
    var refusals: Int { state.withLock(\.refusals) }

    func publish(_ messages: [Message], to topic: Topic) async throws {
        try state.withLock { state in
            for message in messages {
                guard likes(message) else {
                    state.refusals += 1
                    throw HandlerError("picky", reason: "picky", disposition: .poison("picky"))
                }
                state.taken.append(message)
            }
        }
    }

    func close() async {}
}

extension Message {
    fileprivate var wireSize: Int {
        metadata.reduce(payload.count + id.description.utf8.count) { $0 + $1.name.utf8.count + $1.value.utf8.count }
    }
}
