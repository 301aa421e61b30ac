import CoreMetrics
import SluicePrometheus
import SluiceTesting
import Synchronization
import Testing

@testable import Sluice

struct WatermillFamiliesTests {
    @Test func watermillsFamiliesAreExactlyWatermills() {
        let handler = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]
        let defaults = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
        let expected: [(Metric, String, [String], [Double])] = [
            (
                .subscriberMessagesReceived, "subscriber_messages_received_total",
                ["handler_name", "subscriber_name", "acked"], []
            ),
            (.handlerExecutionTime, "handler_execution_time_seconds", ["handler_name", "success"], handler),
            (.publishTime, "publish_time_seconds", ["handler_name", "publisher_name", "success"], defaults),
        ]
        for (metric, name, labels, buckets) in expected {
            #expect(metric.name == name)
            #expect(Set(metric.labels.map(\.name)) == Set(labels))
            #expect(metric.buckets == buckets)
        }
        #expect(Metric.subscriberMessagesReceived.labels.last?.values == ["acked", "nacked"])
        #expect(Metric.handlerExecutionTime.labels.last?.values == ["true", "false"])
    }
}

@Suite(.timeLimit(.minutes(10)))
struct RouteMeterTests {
    @Test func everySeriesKnownInAdvanceExistsAtZero() throws {
        let meters = Meters()
        let router = Router.quick(
            [
                PoisonQueue(to: RecordingPublisher(), "poison"), Retry(), Throttle(rate: 5), Timeout(),
                Deduplicator(MemoryDeduplicationStore()), HandlerMetrics(),
            ], meters: meters)
        try router.add(
            Route(
                "r", from: Source(), "in", to: RecordingPublisher(), "out",
                destination: try Destination("r", .init(breaker: CircuitBreaker()))
            ) { message, _ in [message] })
        let now = meters.exposition()
        #expect(now.problems.isEmpty)
        // These have labels that the errors bring.
        let open: Set = ["sluice_poisoned_total"]
        // These are the gateway's, which counts what is in its queues.
        let foreign: Set = ["sluice_poison_queue_messages", "sluice_poison_oldest_message_timestamp_seconds"]
        // A middleware that is not in this chain has tests of its own.
        let areas = Metric.coreAreas.filter { area in
            area.metrics.contains { now.value($0.name) != nil || now.value($0.name + "_count") != nil }
        }
        #expect(
            Set(areas.map(\.title)).isSuperset(of: [
                "Watermill's", "Flow", "Time and attempts", "Destinations", "Circuit breakers", "Retry", "Throttle",
                "Poison", "Deduplication",
            ]))
        for metric in areas.flatMap(\.metrics)
        where !open.contains(metric.name) && !foreign.contains(metric.name) {
            let owner = metric.labels.contains { $0.name == "destination" } ? "destination" : "handler_name"
            var combinations: [[String: String]] = [[owner: "r"]]
            for label in metric.labels {
                guard let values = label.values else { continue }
                combinations = combinations.flatMap { one in values.map { one.merging([label.name: $0]) { $1 } } }
            }
            for labels in combinations {
                let name = metric.kind == .histogram ? metric.name + "_count" : metric.name
                let value = now.value(name, labels)
                #expect(value != nil, "\(name) \(labels)")
                if metric.kind != .gauge { #expect(value == 0, "\(name) \(labels)") }
            }
        }
        #expect(now.value("sluice_messages_published_total", ["topic": "out"]) == 0)
        #expect(now.value("sluice_messages_published_total", ["topic": "poison"]) == 0)
        #expect(now.value("sluice_retries_exhausted_total", ["reason": "budget"]) == 0)
    }

    @Test func stagesAddUpToTheWholeTime() async throws {
        try await VirtualTime.run { time in
            let meters = Meters()
            let source = Source(time: time)
            let failing = FailingPublisher(
                (0..<30).map { $0 % 3 == 0 ? .fail(Broken()) : .succeed }, passingOnTo: SlowPublisher(time))
            var retry = Retry()
            retry.backoff = .constant(.milliseconds(2))
            let router = Router.quick([retry, Throttle(rate: 2_000)], meters: meters, time: time)
            try router.add(
                Route(
                    "r", from: source, "in", to: failing, "out", ordering: .perKey(lanes: 2, by: .metadata("key"))
                ) { message, _ in
                    try await time.sleep(for: .milliseconds(3))
                    return [message]
                })
            let elapsed = try await time.measure {
                source.offer((0..<20).map { .numbered($0, key: "\($0 % 4)") })
                try await router.whileRunning { try await time.eventually { source.acknowledgedCount == 20 } }
            }
            let now = meters.exposition()
            func sum(_ stage: DeliveryStage) throws -> Double {
                try #require(now.value("sluice_delivery_stage_seconds_sum", ["stage": stage.rawValue]))
            }
            // 30 attempts of 3 ms, of which 10 failed; 10 waits of 2 ms; 20 publishes of 5 ms.
            #expect(try abs(sum(.handler) - 0.09) < 1e-9 && abs(sum(.backoff) - 0.02) < 1e-9)
            #expect(try abs(sum(.publish) - 0.1) < 1e-9 && sum(.throttle) > 0 && sum(.queue) > 0)
            // All of them came at once.
            let whole = try DeliveryStage.allCases.map(sum).reduce(0, +)
            #expect(whole > elapsed.inSeconds && whole <= 20 * elapsed.inSeconds)
            #expect(now.value("sluice_delivery_stage_seconds_count", ["stage": "queue"]) == 20)
            #expect(now.value("sluice_delivery_stage_seconds_count", ["stage": "handler"]) == 20)
            let published = try #require(now.value("publish_time_seconds_sum", ["success": "true"]))
            #expect(try abs(published - sum(.publish)) < 1e-9)
        }
    }

    @Test func theStagesOfOneDeliveryAreExact() throws {
        let meters = Meters()
        let scope = RouteScope(
            Route("r", from: Source(), "in") { _, _ in }, ordering: .serial, logger: .silent,
            instruments: meters.instruments)
        let meter = RouteMeter(scope)
        let delivery = Delivery(
            .numbered(0), settler: Source(), tag: 0, arrival: MonotonicTime(nanoseconds: 1_000_000_000))
        delivery.trace.book(250_000_000, to: .backoff)
        delivery.trace.book(125_000_000, to: .throttle)
        delivery.trace.book(500_000_000, to: .publish)
        let parcel = DeliveryProcessor.Parcel(delivery: delivery, start: MonotonicTime(nanoseconds: 1_500_000_000))
        meter.settled(parcel, .acked, at: MonotonicTime(nanoseconds: 3_000_000_000))
        let now = meters.exposition()
        let sums = DeliveryStage.allCases.map { now.value("sluice_delivery_stage_seconds_sum", ["stage": $0.rawValue]) }
        // queue, throttle, breaker, concurrency, backoff, handler, publish
        #expect(sums == [0.5, 0.125, 0, 0, 0.25, 0.625, 0.5])
        delivery.acknowledge()
    }

    @Test func theWaitForOnesTurnInALaneIsQueueing() async throws {
        try await VirtualTime.run { time in
            let meters = Meters()
            let source = Source((0..<5).map { .numbered($0, key: "same") }, time: time)
            let router = Router.quick(meters: meters, time: time)
            try router.add(
                Route("r", from: source, "in", ordering: .perKey(lanes: 2, by: .metadata("key"))) { _, context in
                    try await context.sleep(for: .milliseconds(10))
                })
            let elapsed = try await time.measure {
                try await router.whileRunning { try await time.eventually { source.acknowledgedCount == 5 } }
            }
            let now = meters.exposition()
            // 10 + 20 + 30 + 40 ms in the lane, and 5 times 10 ms in the handler, one after the other.
            let queue = try #require(now.value("sluice_delivery_stage_seconds_sum", ["stage": "queue"]))
            let handler = try #require(now.value("sluice_delivery_stage_seconds_sum", ["stage": "handler"]))
            #expect(abs(queue - 0.1) < 1e-9 && abs(handler - 0.05) < 1e-9 && elapsed == .milliseconds(50))
        }
    }

    @Test func pushesItsSumsOnceUnderConcurrentRefreshes() async throws {
        let meters = Meters()
        let source = Source((0..<5_000).map { .numbered($0) })
        let router = Router.quick(meters: meters)
        try router.add(Route("r", from: source, "in") { _, _ in })
        try await router.whileRunning {
            try await eventually { source.acknowledgedCount > 0 }
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<4 { group.addTask { for _ in 0..<500 { meters.instruments.refresh() } } }
            }
            try await eventually { source.acknowledgedCount == 5_000 }
        }
        let now = meters.exposition()
        #expect(now.value("sluice_messages_received_total") == 5_000)
        #expect(now.value("sluice_deliveries_total", ["outcome": "acked"]) == 5_000)
        #expect(now.value("subscriber_messages_received_total", ["acked": "acked"]) == 5_000)
    }

    /// Whether the backend was asked to show a series at 0 first; Prometheus's does so for each scraper.
    @Test func aCounterThatIsMadeLateStartsAt0() throws {
        let factory = RecordingFactory()
        let counters = Instruments(factory: factory).counters(.retries, [("handler_name", "r")], known: ["known"])
        for reason in ["known", "new", "new", "other"] { counters.increment(reason) }
        #expect(factory.events == ["new starts at 0", "other starts at 0"])
    }

    @Test func everybodyElseSeesALateCounterAsItIs() {
        let meters = Meters()
        let counters = meters.instruments.counters(.retries, [("handler_name", "r")])
        counters.increment("new")
        #expect(meters.value("sluice_retries_total", ["reason": "new"]) == 1)
    }

    @Test func aValueThatIsGoneForLongRetires() {
        let meters = Meters()
        let days = Atomic<Int64>(0)
        let counters = meters.instruments.counters(
            .retries, [("handler_name", "r")], known: ["known"],
            now: { days.load(ordering: .relaxed) * 86_400 })
        counters.increment("dead")
        days.store(29, ordering: .relaxed)
        counters.increment("alive")
        #expect(meters.value("sluice_retries_total", ["reason": "dead"]) == 1)
        days.store(30, ordering: .relaxed)
        #expect(meters.value("sluice_retries_total", ["reason": "dead"]) == nil)
        #expect(meters.value("sluice_retries_total", ["reason": "alive"]) == 1)
        days.store(10_000, ordering: .relaxed)
        #expect(meters.value("sluice_retries_total", ["reason": "alive"]) == nil)
        #expect(meters.value("sluice_retries_total", ["reason": "known"]) == 0)
        // It comes again.
        counters.increment("dead")
        #expect(meters.value("sluice_retries_total", ["reason": "dead"]) == 1)
    }

    @Test func aFullCapMakesRoomForWhatIsNewOnceSomethingIsOld() {
        let meters = Meters()
        let days = Atomic<Int64>(0)
        let counters = meters.instruments.counters(
            .retries, [("handler_name", "r")],
            now: { days.load(ordering: .relaxed) * 86_400 })
        // With `other` the cap of 24 is full.
        for number in 0..<23 { counters.increment("dead \(number)") }
        counters.increment("too soon")
        #expect(meters.value("sluice_retries_total", ["reason": "other"]) == 1)
        days.store(1, ordering: .relaxed)
        counters.increment("dead 0")
        counters.increment("new")
        #expect(meters.value("sluice_retries_total", ["reason": "new"]) == 1)
        #expect(meters.value("sluice_retries_total", ["reason": "dead 0"]) == 2)
        #expect(meters.value("sluice_retries_total", ["reason": "dead 1"]) == nil)
        #expect(meters.exposition().samples.filter { $0.name == "sluice_retries_total" }.count == 24)
    }

    @Test func anUpdateEndsWithItsOwner() {
        final class Owner: Sendable {}
        let instruments = Meters().instruments
        let updates = Atomic(0)
        var owner: Owner? = Owner()
        instruments.onRefresh(for: owner) { updates.add(1, ordering: .relaxed) }
        instruments.refresh()
        owner = nil
        instruments.refresh()
        #expect(updates.load(ordering: .relaxed) == 1)
    }

    @Test func labelsFromOutsideAreCapped() async {
        let meters = Meters()
        let counters = meters.instruments.counters(.retries, [("handler_name", "r")], known: ["other"])
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<4 {
                group.addTask { for number in 0..<1_000 { counters.increment("reason \((number + worker) % 100)") } }
            }
        }
        #expect(meters.exposition().samples.filter { $0.name == "sluice_retries_total" }.count == 24)
        let samples = meters.exposition().samples.filter { $0.name == "sluice_retries_total" }
        #expect(samples.count == 24)
        #expect(samples.reduce(0) { $0 + $1.value } == 4_000)
        #expect(samples.first { $0["reason"] == "other" }?.value == 3_080.0)
    }
}

/// A backend that counts nothing, and remembers which counters were to start at 0.
private final class RecordingFactory: MetricsFactory {
    private final class Counter: CounterHandler, ZeroFirst {
        let start: @Sendable () -> Void

        init(start: @escaping @Sendable () -> Void) {
            self.start = start
        }

        func increment(by amount: Int64) {}
        func reset() {}
        func startAtZero() { start() }
    }

    private let log = Mutex<[String]>([])

    var events: [String] { log.withLock(\.self) }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let value = dimensions.last?.1 ?? ""
        return Counter { self.log.withLock { $0.append("\(value) starts at 0") } }
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        NOOPMetricsHandler.instance
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { NOOPMetricsHandler.instance }
    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}
}

/// Takes 5 ms.
private final class SlowPublisher: Publisher {
    let name = "slow"
    let time: RouterTime?
    private let clock: RouterTime

    init(_ time: RouterTime) {
        self.time = time
        clock = time
    }

    func publish(_ messages: [Message], to topic: Topic) async throws {
        try await clock.sleep(for: .milliseconds(5))
    }

    func close() async {}
}
