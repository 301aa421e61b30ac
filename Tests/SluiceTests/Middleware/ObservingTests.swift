import Logging
import Sluice
import SluicePrometheus
import SluiceTesting
import Testing

@Suite(.timeLimit(.minutes(10)))
struct CorrelationIDTests {
    @Test func readsTheIDOfTheMessageOrTakesItsOwn() async throws {
        let seen = Journal<String?>()
        let chain = try Chain([CorrelationID()]) { _, context in
            seen.add(context.correlationID)
            return []
        }
        var message = Message.numbered(7)
        try await chain(message)
        message.metadata["correlation_id"] = "abc"
        try await chain(message)
        message.metadata["correlation_id"] = ""
        try await chain(message)
        #expect(seen.entries == ["m7", "abc", "m7"])
    }

    @Test func putsItOnEveryProducedMessageAndOverwritesNone() async throws {
        let source = Source([.numbered(7)])
        let output = RecordingPublisher()
        let router = Router.quick([CorrelationID(), CorrelationID()])
        try router.add(
            Route("r", from: source, "in", to: output, "out") { _, _ in
                var own = Message.numbered(3)
                own.metadata["correlation_id"] = "own"
                return [.numbered(1), .numbered(2, key: "k"), own]
            })
        try await router.whileRunning { try await eventually { output.records.count == 3 } }
        let metadata = output.records.map(\.message.metadata)
        #expect(
            metadata == [["correlation_id": "m7"], ["key": "k", "correlation_id": "m7"], ["correlation_id": "own"]])
    }

    @Test func isInTheLoggersMetadata() async throws {
        let log = LogRecorder()
        let chain = try Chain([CorrelationID()], logger: log.logger) { _, context in
            context.logger.info("hello")
            return []
        }
        try await chain(.numbered(7))
        #expect(log.entries.first?.metadata["correlation_id"] == "m7")
        #expect(log.entries.first?.metadata["message_id"] == "m7")
        #expect(log.entries.first?.metadata["handler_name"] == "route")
    }
}

@Suite(.timeLimit(.minutes(10)))
struct LogMessagesTests {
    @Test func writesOneLineAMessageAndNoPayload() async throws {
        let log = LogRecorder()
        let chain = try Chain([LogMessages()], logger: log.logger) { message, _ in
            if message.number == 424_242 { return [] }
            throw HandlerError("broke", reason: "broke", disposition: .retry())
        }
        try await chain(.numbered(424_242))
        await #expect(throws: HandlerError.self) { try await chain(.numbered(515_151)) }
        let (good, bad) = (log.entries[0], log.entries[1])
        #expect(log.entries.count == 2)
        #expect(good.level == .debug && good.metadata["outcome"] == "acked" && good.metadata["topic"] == "in")
        #expect(good.metadata["attempts"] == "1" && good.metadata["duration_seconds"] != nil)
        #expect(bad.level == .warning && bad.metadata["outcome"] == "failed")
        #expect(bad.metadata["reason"] == "broke" && bad.metadata["error"] == "broke")
        for (line, payload) in [(good, "424242"), (bad, "515151")] {
            #expect(!line.metadata.contains { $0.key != "message_id" && $0.value.contains(payload) })
        }
    }

    @Test func writesAtTheLevelsThatItIsTold() async throws {
        let log = LogRecorder()
        var middleware = LogMessages()
        middleware.success = .info
        middleware.failure = .error
        let chain = try Chain([middleware], logger: log.logger(at: .info)) { message, _ in
            if message.number == 1 { throw Broken() }
            return []
        }
        try await chain(.numbered(0))
        await #expect(throws: Broken.self) { try await chain(.numbered(1)) }
        #expect(log.entries.map(\.level) == [.info, .error])
        let quiet = try Chain([LogMessages()], logger: log.logger(at: .info)) { _, _ in [] }
        try await quiet(.numbered(0))
        #expect(log.entries.count == 2)
    }

    @Test func theRouteDoesNotRepeatTheLine() async throws {
        for middlewares in [[LogMessages()], []] {
            let log = LogRecorder()
            let source = Source([.numbered(0)], redelivery: .source)
            let router = Router(
                configuration: .quick, middlewares: middlewares, logger: log.logger(at: .info))
            try router.add(Route("r", from: source, "in") { _, _ in throw Broken() })
            try await router.whileRunning { try await eventually { source.rejectedCount == 1 } }
            #expect(log.entries.filter { $0.level == .warning }.count == 1)
        }
    }
}

@Suite(.timeLimit(.minutes(10)))
struct MetricsTests {
    @Test func recordsSuccessAndFailureAndNoInterruption() async throws {
        let meters = Meters()
        let gate = Gate()
        let chain = try Chain([HandlerMetrics()], meters: meters) { message, _ in
            switch message.number {
            case 0..<3: return []
            case 3: throw Broken()
            default:
                try await gate.wait()
                return []
            }
        }
        for number in 0..<4 { _ = try? await chain(.numbered(number)) }
        let task = Task { try await chain(.numbered(4)) }
        try await eventually { gate.waiting == 1 }
        task.cancel()
        _ = try? await task.value
        let now = meters.exposition()
        #expect(now.value("handler_execution_time_seconds_count", ["success": "true"]) == 3)
        #expect(now.value("handler_execution_time_seconds_count", ["success": "false"]) == 1)
    }

    /// Outside it sees the chain return, inside it sees the error.
    @Test(arguments: [true, false]) func whatIsPoisonedDidNotSucceedWhereverItStands(isOutside: Bool) async throws {
        let meters = Meters()
        let poison = PoisonQueue(to: RecordingPublisher(), "poison")
        let chain = try Chain(
            isOutside ? [HandlerMetrics(), poison] : [poison, HandlerMetrics()], meters: meters
        ) { message, _ in
            if message.number == 0 { throw Broken() }
            return []
        }
        for number in 0..<3 { try await chain(.numbered(number)) }
        let now = meters.exposition()
        #expect(now.value("handler_execution_time_seconds_count", ["success": "true"]) == 2)
        #expect(now.value("handler_execution_time_seconds_count", ["success": "false"]) == 1)
    }

    @Test func whatThePoisonQueueCannotKeepDidNotSucceedEither() async throws {
        let meters = Meters()
        let refusing = FailingPublisher(
            [], then: .fail(HandlerError("too large", reason: "too_large", disposition: .poison("too large"))))
        let chain = try Chain([HandlerMetrics(), PoisonQueue(to: refusing, "poison")], meters: meters) { _, _ in
            throw Broken()
        }
        let context = chain.context(.numbered(0))
        try await chain(.numbered(0), context)
        #expect(context.outcome == .discarded)
        #expect(meters.value("handler_execution_time_seconds_count", ["success": "false"]) == 1)
    }
}
