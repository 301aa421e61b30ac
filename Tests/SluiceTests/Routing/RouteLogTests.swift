import Logging
import Sluice
import SluiceTesting
import Testing

@Suite(.timeLimit(.minutes(10)))
struct RouteLogTests {
    private func lines(_ log: LogRecorder) -> [String] {
        log.entries.filter { $0.message.hasPrefix("route ") }.map {
            "\($0.message) \($0.metadata["handler_name"] ?? "")"
        }
    }

    @Test func saysWhenARouteStartsDrainsAndStops() async throws {
        try await VirtualTime.run { time in
            let broker = MemoryBroker(time: time)
            let log = LogRecorder()
            let router = Router(logger: log.logger(at: .info), time: time)
            try router.add(
                Route("r", from: broker.subscriber(group: "g"), "in") { _, context in
                    try await context.route.time.sleep(for: .seconds(1))
                })
            let running = time.task { try await router.run() }
            try await time.eventually { router.status.allSatisfy(\.isRunning) }
            #expect(lines(log) == ["route started r"])
            try await broker.publisher().publish([Message(text: "a")], to: "in")
            try await time.sleep(for: .milliseconds(100))
            router.drain()
            #expect(lines(log) == ["route started r", "route drains r"])
            #expect(log.entries.last?.metadata["in_flight"] == "1" && log.entries.last?.metadata["topic"] == "in")
            try await running.value
            #expect(lines(log) == ["route started r", "route drains r", "route stopped r"])
        }
    }

    @Test func doesNotRepeatItWhenASubscriptionBreaks() async throws {
        try await VirtualTime.run { time in
            let log = LogRecorder()
            let router = Router(logger: log.logger(at: .info), time: time)
            let subscriber = FlakySubscriber(time) { call in
                let subscription = Subscription(time: time)
                if call < 3 { subscription.finish(throwing: Broken()) }
                return subscription
            }
            try router.add(Route("r", from: subscriber, "in") { _, _ in })
            let running = time.task { try await router.run() }
            try await time.eventually { subscriber.attempts == 3 }
            try await time.eventually { router.status.allSatisfy(\.isRunning) }
            #expect(lines(log) == ["route started r"])
            router.drain()
            try await running.value
        }
    }
}
