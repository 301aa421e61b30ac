import Logging
import SluicePrometheus
import SluiceTesting
import Testing

@testable import Sluice

@Suite(.timeLimit(.minutes(10)))
struct DestinationTests {
    private func retry(_ attempts: Int = 5) -> Retry {
        var retry = Retry(maxAttempts: attempts)
        retry.backoff = .constant(.milliseconds(1))
        return retry
    }

    @Test func aTimeNamedToOneRouteIsKeptByTheOther() async throws {
        try await VirtualTime.run { time in
            let slack = try Destination("slack", .unbounded, time: time)
            let window = Duration.milliseconds(500)
            let first = Source([.numbered(0)], time: time)
            let second = Source(time: time)
            let attempts = Journal<MonotonicTime>()
            let shut = Journal<MonotonicTime>()
            let router = Router.quick(time: time)
            try router.add(
                Route("a", from: first, "in", destination: slack, middlewares: [retry()]) { _, context in
                    guard context.delivery.trace.attempts == 1 else { return }
                    shut.add(time.now)
                    throw HandlerError("busy", reason: "http_429", disposition: .throttled(after: window))
                })
            // Without Retry: the gate is the destination's, not a middleware's.
            try router.add(Route("b", from: second, "in", destination: slack) { _, _ in attempts.add(time.now) })
            #expect(router.destinations.map(\.name) == ["slack"])
            try await router.whileRunning {
                try await time.eventually { shut.count == 1 && slack.status.shut != nil }
                second.offer([.numbered(1)])
                try await time.eventually { second.acknowledgedCount == 1 && first.acknowledgedCount == 1 }
            }
            let began = try #require(shut.entries.first)
            #expect(attempts.entries.allSatisfy { $0 >= began.advanced(by: window) })
            #expect(slack.status.attempts == [.success: 2, .throttled: 1])
            #expect(slack.status.messages == 2 && slack.status.amplification == 1.5)
            #expect(slack.status.lastFailure?.reason == "http_429")
        }
    }

    @Test func aRouteWithoutRetryShutsTheGateOfADestinationWithAName() async throws {
        try await VirtualTime.run { time in
            let slack = try Destination("slack", .unbounded, time: time)
            let source = Source([.numbered(0)], redelivery: .source, time: time)
            let router = Router.quick(time: time)
            try router.add(
                Route("a", from: source, "in", destination: slack) { _, _ in
                    throw HandlerError("busy", reason: "http_429", disposition: .retry(after: .seconds(50)))
                })
            try await router.whileRunning {
                try await time.eventually { source.rejectedCount == 1 }
                #expect(slack.status.shut == .init(why: .retryAfter, reason: "http_429"))
                #expect(slack.status.note?.hasPrefix("shut until ") == true)
            }
        }
    }

    /// As for webhooks: a request is answered, and the next one is not kept waiting for it.
    @Test func anAnswerThatGoesBackToTheSourceHoldsUpNoOther() async throws {
        try await VirtualTime.run { time in
            let source = Source([.numbered(0), .numbered(1)], redelivery: .source, time: time)
            let router = Router.quick(time: time)
            try router.add(
                Route("a", from: source, "in") { message, _ in
                    if message.number == 0 { throw HandlerError("full", reason: "full", disposition: .hold("full")) }
                })
            try await router.whileRunning { try await time.eventually { source.acknowledgedCount == 1 } }
            #expect(source.rejectedCount == 1)
        }
    }

    @Test func aMessageItselfWaitsNoLongerThanItsDestination() async throws {
        try await VirtualTime.run { time in
            let source = Source([.numbered(0)], time: time)
            let attempts = Journal<Duration>()
            var configuration = Router.Configuration.quick
            configuration.destination.retryAfter = .init(maximum: .seconds(10), jitter: 0)
            let router = Router.quick(configuration: configuration, time: time)
            try router.add(
                Route("r", from: source, "in") { _, _ in
                    guard attempts.add(time.now.offset) == 1 else { return }
                    throw HandlerError("503", reason: "http_503", disposition: .retry(after: .seconds(Int64.max)))
                })
            try await router.whileRunning { try await time.eventually { source.acknowledgedCount == 1 } }
            #expect(attempts.entries == [.zero, .seconds(10)])
        }
    }

    @Test func cutsAndSpreadsTheTimesThatAreNamed() throws {
        for _ in 0..<50 {
            let destination = try Destination("d", .init(retryAfter: .init(maximum: .seconds(10), jitter: 0.5)))
            let chain = try Chain([]) { _, _ in [] }
            let context = chain.context(.numbered(0))
            func named(_ time: Duration) -> Duration? {
                destination.heed(HandlerError("", reason: "", disposition: .retry(after: time)), context).map {
                    $0.start.duration(to: $0.end(destination.configuration.retryAfter))
                }
            }
            let short = try #require(named(.milliseconds(250)))
            #expect(short >= .milliseconds(250) && short <= .milliseconds(375))
            let long = try #require(named(.seconds(100_000)))
            #expect(long >= .seconds(10) && long <= .seconds(15))
            #expect(named(.seconds(-1)) == .zero)
            // What is named later never lets anything pass earlier.
            let opening = try #require(destination.status.nextAttempt)
            _ = named(.zero)
            #expect(try #require(destination.status.nextAttempt).milliseconds(since: opening) >= -5)
        }
    }

    @Test func aHoldOfOneRouteHoldsTheOtherAndIsToldOnce() async throws {
        let log = LogRecorder()
        let slack = try Destination("slack", .unbounded)
        let sources = (0..<2).map { _ in Source([.numbered(0)]) }
        let isMended = Switch()
        let meters = Meters()
        let router = Router(
            configuration: .quick, middlewares: [retry()], instruments: meters.instruments,
            logger: log.logger(at: .info))
        for (index, source) in sources.enumerated() {
            try router.add(
                Route("r\(index)", from: source, "in", destination: slack) { _, _ in
                    if !isMended.isOn {
                        throw HandlerError("gone", reason: "no_service", disposition: .hold("no service", for: .zero))
                    }
                })
        }
        try await router.whileRunning {
            try await eventually { (slack.status.attempts[.held] ?? 0) >= 4 }
            _ = meters.exposition()
            let held = meters.exposition()
            #expect(held.value("sluice_destination_shut", ["destination": "slack", "why": "held"]) == 1)
            #expect(held.value("sluice_destination_shut", ["destination": "slack", "why": "retry_after"]) == 0)
            #expect(try #require(held.value("sluice_destination_holds_total", ["reason": "no_service"])) >= 4)
            #expect(try #require(held.value("sluice_destination_waiting")) <= 2)
            isMended.turnOn()
            try await eventually { sources.allSatisfy { $0.acknowledgedCount == 1 } }
        }
        let after = meters.exposition()
        #expect(after.value("sluice_destination_shut", ["destination": "slack", "why": "held"]) == 0)
        #expect(after.value("sluice_destination_attempts_total", ["result": "success"]) == 2)
        #expect(after.value("sluice_destination_messages_total", ["destination": "slack"]) == 2)
        #expect(try #require(after.value("sluice_destination_last_success_timestamp_seconds")) > 1_500_000_000)
        #expect(after.value("sluice_destination_waiting") == 0)
        #expect(log.lines.count { $0.contains("refuses every message") && $0.contains("slack") } == 1)
        #expect(log.lines.count { $0.contains("takes messages again") } == 1)
    }

    @Test func refusesASecondDestinationOfTheSameName() throws {
        let router = Router.quick()
        try router.add(Route("a", from: Source(), "in", destination: Destination("x")) { _, _ in })
        for route in [
            try Route("b", from: Source(), "in", destination: Destination("x")) { _, _ in },
            Route("x", from: Source(), "in") { _, _ in },
        ] {
            let error = #expect(throws: ConfigurationError.self) { try router.add(route) }
            #expect(error?.field == "Destination.name")
        }
        let error = #expect(throws: ConfigurationError.self) { try Destination("") }
        #expect(error?.field == "Destination.name")
        #expect(router.destinations.map(\.name) == ["x"])
    }

    @Test func amplificationIsThatOfTheLastFiveMinutes() {
        var window = AmplificationWindow()
        let start = MonotonicTime(nanoseconds: 1_000_000_000_000)
        #expect(window.add(attempts: 0, messages: 0, at: start) == 0)
        #expect(window.add(attempts: 30, messages: 20, at: start.advanced(by: .seconds(10))) == 1.5)
        // Redeliveries alone count against one message.
        #expect(window.add(attempts: 40, messages: 20, at: start.advanced(by: .seconds(320))) == 10)
        #expect(window.add(attempts: 40, messages: 20, at: start.advanced(by: .seconds(700))) == 0)
    }
}
