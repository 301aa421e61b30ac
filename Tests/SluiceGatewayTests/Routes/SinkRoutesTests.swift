import Logging
import Sluice
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

/// The routes to sinks as the gateway makes them, with its own policies, told in virtual time.
@Suite(.timeLimit(.minutes(5)))
struct SinkRoutesTests {
    /// Fails until its time has come, and then takes everything.
    private final class DeadSink: Sink {
        private let time: RouterTime
        private let end: Duration
        private let state = Mutex<(attempts: Int, taken: [Event])>((0, []))

        init(_ time: RouterTime, until end: Duration) {
            self.time = time
            self.end = end
        }

        var attempts: Int { state.withLock(\.attempts) }
        var taken: [Event] { state.withLock(\.taken) }

        func deliver(_ delivery: SinkDelivery) async throws {
            let isDead = time.now.offset < end
            state.withLock { state in
                state.attempts += 1
                if !isDead { state.taken.append(delivery.event) }
            }
            if isDead { throw HandlerError("503", reason: "http_503", disposition: .retry()) }
        }
    }

    private static func event(_ number: Int, repositories: Int) -> Event {
        .commitPushed(
            CommitPushed(
                id: String(repeating: "a", count: 34) + String(100_000 + number), message: "", author: "",
                occurredOn: Timestamp(millisecondsSince1970: 1_767_323_045_000),
                repository: "acme/web-\(number % repositories)"))
    }

    /// The goal of destinations, for the order of Slack and that of Grafana: a sink that is dead for an hour while 10,000
    /// events wait is asked a hundred times at most, and has them all, in order, soon after it is back.
    @Test(arguments: [Ordering.serial, .perKey(lanes: 8)])
    func aSinkThatIsDeadForAnHourIsAskedAHundredTimesAtMost(ordering: Ordering) async throws {
        try await VirtualTime.run(seed: 11) { time in
            let (count, repositories) = (10_000, 50)
            let queue = try MemoryQueue(time)
            let sink = DeadSink(time, until: .seconds(3_600))
            let (pace, log, metrics) = (GatewayPace(), LogRecorder(), MetricsRecorder())
            var configuration = Router.Configuration()
            configuration.redelivery = pace.redelivery
            let router = Router(
                configuration: configuration, instruments: metrics.instruments, logger: log.logger, time: time)
            var gateway = GatewayConfiguration()
            gateway.sinks = [ConfiguredSink("dead", sink, ordering: ordering)]
            let sinks = RunningSinks(
                SinkRoutes(queue: queue, startedAt: time.timestamp, time: time), router, logger: log.logger,
                mustWait: { _ in false },
                makeParts: { SinkParts(name: $0, hold: pace.hold) { _, _ in throw CancellationError() } },
                onChange: { _ in })
            try sinks.begin(gateway)
            let events = (0..<count).map { Self.event($0, repositories: repositories) }
            let running = time.task { try await router.run() }
            try await time.eventually { router.status.allSatisfy(\.isRunning) }
            try await queue.publisher.publish(events.map { $0.message() }, to: queue.events)

            try await time.sleep(for: .seconds(3_599))
            #expect(sink.attempts <= 100)
            let status = try #require(router.destinations.first?.status)
            #expect(status.shut?.why == .breaker && status.shut?.reason == "http_503")
            #expect(status.note?.hasPrefix("the breaker is open since 00:00:") == true, "\(status.note ?? "")")
            #expect(metrics.read().value("sluice_destination_shut", ["why": "breaker"]) == 1)
            // Its longest rest is five minutes.
            try await time.eventually(within: .seconds(302)) { sink.taken.count == count }
            router.drain()
            try await running.value

            let taken = sink.taken
            for repository in 0..<repositories {
                let name = "acme/web-\(repository)"
                let order = taken.filter { $0.repository == name }.map(\.commit)
                #expect(order == events.filter { $0.repository == name }.map(\.commit), "\(name)")
            }
            if ordering.concurrency == 1 { #expect(taken.map(\.commit) == events.map(\.commit)) }
            #expect(router.destinations.first?.status.note == nil)
            #expect(metrics.read().value("sluice_deliveries_total", ["outcome": "poisoned"]) == 0)
            // One line when it begins, and one when it ends.
            #expect(log.entries.filter { $0.message.hasPrefix("the breaker is open") && $0.level >= .info }.count == 1)
            #expect(log.entries.filter { $0.message.hasPrefix("the breaker is closed") }.count == 1)
        }
    }
}
