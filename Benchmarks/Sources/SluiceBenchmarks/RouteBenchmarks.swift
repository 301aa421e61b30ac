import Foundation
import Sluice
import SluicePrometheus
import Synchronization

/// In memory: topic A → route → topic B, every message with an id of its own.
enum RouteBenchmarks {
    static func run(scale: Double) async throws {
        let count = Int(1_000_000 * scale)
        Report.subject(
            "Route in memory, A → handler → B",
            columns: ["middlewares", "ordering", "payload", "messages/s", "wall", "CPU"])
        for size in [16, 1_024] {
            for isFull in [false, true] {
                let cost = try await throughput(count, size: size, ordering: .serial, "serial", isFull: isFull)
                if isFull, size == 16 { Goals.note(.routeSerial, cost * 1e6) }
            }
        }
        let byKey = Ordering.perKey(lanes: 8, by: .firstBytes)
        var few = 0.0
        for (ordering, name) in [(byKey, "perKey(8), 100 keys"), (.unordered(limit: 8), "unordered(8)")] {
            for isFull in [false, true] {
                let cost = try await throughput(count / 2, size: 16, ordering: ordering, name, isFull: isFull)
                switch (name, isFull) {
                case ("perKey(8), 100 keys", false):
                    few = cost
                    Goals.note(.routeByKey, cost * 1e6)
                case ("unordered(8)", true): Goals.note(.routeUnordered, cost * 1e6)
                default: break
                }
            }
        }
        let many = try await throughput(
            count / 2, size: 16, ordering: byKey, "perKey(8), 100,000 keys", isFull: false, keys: 100_000)
        Goals.note(.routeManyKeys, many / few)
        Report.subject("One message in flight", columns: ["middlewares", "A → handler → B"])
        for isFull in [false, true] { try await latency(Int(50_000 * scale), isFull: isFull) }
    }

    private static func middlewares(_ isFull: Bool, _ broker: MemoryBroker) -> [any Middleware] {
        guard isFull else { return [] }
        return [
            CorrelationID(), HandlerMetrics(), PoisonQueue(to: broker.publisher(), "poison"), Retry(),
            Timeout(.seconds(10)),
        ]
    }

    private static func router(_ isFull: Bool, _ broker: MemoryBroker) -> Router {
        // Watermill's figures without middlewares are without metrics too.
        let instruments =
            isFull ? Instruments(factory: PrometheusMetricsFactory(PrometheusRegistry())) : Instruments()
        return Router(middlewares: middlewares(isFull, broker), instruments: instruments)
    }

    /// - Returns: the seconds for each message.
    private static func throughput(
        _ count: Int, size: Int, ordering: Ordering, _ name: String, isFull: Bool, keys: Int = 100
    ) async throws -> Double {
        let broker = try MemoryBroker(.init(capacity: 4_096))
        let router = router(isFull, broker)
        let subscriber = broker.subscriber(group: "route")
        let source = broker.publisher()
        try router.add(
            Route("bench", from: subscriber, "a", to: broker.publisher(), "b", ordering: ordering) { message, _ in
                [Message(payload: message.payload)]
            })
        let results = try await broker.subscriber(group: "results").subscribe(to: "b")
        let running = Task { try await router.run() }
        while router.status.contains(where: { !$0.isRunning }) { try await Task.sleep(for: .milliseconds(1)) }
        let cpu = cpuSeconds()
        let seconds = try await timed {
            try await withThrowingTaskGroup { group in
                group.addTask {
                    for start in stride(from: 0, to: count, by: 100) {
                        var batch: [Message] = []
                        batch.reserveCapacity(100)
                        for index in start..<min(start + 100, count) {
                            // Each its own, as from a network: one that all share would measure its reference count.
                            var payload = [UInt8](repeating: 0, count: size)
                            withUnsafeBytes(of: UInt32(index % keys)) { payload.replaceSubrange(0..<4, with: $0) }
                            batch.append(Message(payload: payload))
                        }
                        try await source.publish(batch, to: "a")
                    }
                }
                group.addTask {
                    var received = 0
                    while received < count, let batch = try await results.next() {
                        received += batch.count
                        for delivery in batch { delivery.acknowledge() }
                    }
                }
                try await group.waitForAll()
            }
        }
        let spent = cpuSeconds() - cpu
        router.drain()
        try await running.value
        Report.row(
            isFull ? "five, and metrics" : "none", name, "\(size) B", Report.rate(count, seconds),
            Report.nanoseconds(count, seconds), Report.nanoseconds(count, spent))
        return seconds / Double(count)
    }

    private static func latency(_ count: Int, isFull: Bool) async throws {
        let broker = MemoryBroker()
        let router = router(isFull, broker)
        let source = broker.publisher()
        try router.add(
            Route("bench", from: broker.subscriber(group: "route"), "a", to: broker.publisher(), "b") { message, _ in
                [Message(payload: message.payload)]
            })
        let results = try await broker.subscriber(group: "results").subscribe(to: "b")
        let running = Task { try await router.run() }
        while router.status.contains(where: { !$0.isRunning }) { try await Task.sleep(for: .milliseconds(1)) }
        let payload = [UInt8](repeating: 7, count: 16)
        let seconds = try await timed {
            for _ in 0..<count {
                try await source.publish([Message(payload: payload)], to: "a")
                for delivery in try await results.next() ?? [] { delivery.acknowledge() }
            }
        }
        router.drain()
        try await running.value
        Report.row(isFull ? "five, and metrics" : "none", String(format: "%.1f µs", seconds * 1e6 / Double(count)))
    }
}

extension KeySelector {
    fileprivate static let firstBytes = KeySelector { Array($0.payload.prefix(4)) }
}
