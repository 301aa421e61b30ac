import Foundation
import Logging
import Sluice
import SluicePrometheus
import SluiceTesting
import Synchronization

/// In virtual time: what it costs to play through an hour without a sink, with policies like the gateway's.
enum OutageBenchmarks {
    static func run(scale: Double) async throws {
        let count = max(100, Int(10_000 * scale))
        Report.subject(
            "An hour without the sink, in virtual time", columns: ["waiting messages", "ordering", "attempts", "CPU"])
        for (ordering, name) in [
            (Ordering.serial, "serial"), (.perKey(lanes: 8, by: .lastByte), "perKey(8), 100 keys"),
            (.unordered(limit: 8), "unordered(8)"),
        ] {
            let start = cpuSeconds()
            let attempts = try await outage(count, ordering)
            Report.row("\(count)", name, "\(attempts)", String(format: "%.2f s", cpuSeconds() - start))
        }
    }

    /// - Returns: how often the sink was asked until it had everything.
    private static func outage(_ count: Int, _ ordering: Ordering) async throws -> Int {
        try await VirtualTime.run(seed: 1) { time in
            let broker = try MemoryBroker(.init(capacity: count), time: time)
            let sink = DeadSink(time, until: .seconds(3_600))
            var retry = Retry(maxAttempts: 8)
            retry.maxElapsed = .seconds(300)
            let router = Router(
                middlewares: [
                    CorrelationID(), HandlerMetrics(),
                    PoisonQueue(to: broker.publisher(), "poison", filter: .permanent),
                    Deduplicator(MemoryDeduplicationStore(time: time)), retry, Timeout(.seconds(60)),
                ], instruments: Instruments(factory: PrometheusMetricsFactory(PrometheusRegistry())),
                logger: .init(label: "bench") { _ in SwiftLogNoOpLogHandler() }, time: time)
            try router.add(
                Route("bench", from: broker.subscriber(group: "route"), "a", to: sink, "b", ordering: ordering) {
                    message, _ in [message]
                })
            let running = time.task { try await router.run() }
            try await time.eventually { router.status.allSatisfy(\.isRunning) }
            try await broker.publisher().publish((0..<count).map { Message(payload: [UInt8($0 % 100)]) }, to: "a")
            try await time.eventually(within: .seconds(7_200)) { sink.taken == count }
            router.drain()
            try await running.value
            return sink.attempts
        }
    }
}

/// Fails until its time has come.
private final class DeadSink: Publisher {
    let name = "dead"
    let time: RouterTime?
    private let clock: RouterTime
    private let end: Duration
    private let counts = Mutex<(attempts: Int, taken: Int)>((0, 0))

    init(_ time: RouterTime, until end: Duration) {
        self.time = time
        clock = time
        self.end = end
    }

    var attempts: Int { counts.withLock(\.attempts) }
    var taken: Int { counts.withLock(\.taken) }

    func publish(_ messages: [Message], to topic: Topic) async throws {
        let isDead = clock.now.offset < end
        counts.withLock { counts in
            counts.attempts += 1
            if !isDead { counts.taken += messages.count }
        }
        if isDead { throw HandlerError("dead", reason: "http_503", disposition: .retry()) }
    }

    func close() async {}
}

extension KeySelector {
    fileprivate static let lastByte = KeySelector { Array($0.payload.suffix(1)) }
}
