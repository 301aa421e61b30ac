import GatewayTestSupport
import Logging
import Sluice
import SluiceMetrics
import SluicePrometheus
import SluiceSQLite
import SluiceTesting
import Synchronization
import Testing

@testable import SluiceGateway

@Suite struct BacklogMeterTests {
    /// The log, on a disk that hangs while it is told to.
    private final class HangingQueue: EventQueue {
        private struct State {
            var hangs = false
            var waiting: [CheckedContinuation<Void, Never>] = []
        }

        let queue: SQLiteQueue
        private let state = Mutex(State())

        init(_ queue: SQLiteQueue) { self.queue = queue }

        var events: Topic { queue.events }
        var poison: Topic { queue.poison }
        var publisher: any Publisher { queue.publisher }
        var handled: any DeduplicationStore { queue.handled }
        var isShared: Bool { queue.isShared }
        var readiness: Readiness { queue.readiness }
        var routes: [Route] { queue.routes }
        func prepare() async throws { try await queue.prepare() }
        func keep() async { await queue.keep() }
        func subscriber(for route: String, from start: ReaderStart, gathering: Duration) throws -> any Subscriber {
            try queue.subscriber(for: route, from: start, gathering: gathering)
        }
        func probe() async { await queue.probe() }
        func replay(settledBy route: String, to body: ([Message]) async throws -> Void) async throws {
            try await queue.replay(settledBy: route, to: body)
        }
        func backlog(of route: String) async throws -> Backlog {
            await withCheckedContinuation { continuation in
                let hangs = state.withLock { state in
                    if state.hangs { state.waiting.append(continuation) }
                    return state.hangs
                }
                if !hangs { continuation.resume() }
            }
            return try await queue.backlog(of: route)
        }
        func poisoned() async throws -> Backlog { try await queue.poisoned() }
        func close() async { await queue.close() }

        func hang() { state.withLock { $0.hangs = true } }

        func goOn() {
            let waiting = state.withLock { state in
                state.hangs = false
                defer { state.waiting = [] }
                return state.waiting
            }
            for continuation in waiting { continuation.resume() }
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func aScrapeDoesNotWaitForADiskThatHangs() async throws {
        let directory = try TemporaryDirectory()
        let log = try SQLiteLog.open(.init(path: directory.path + "/log.sqlite"))
        let logger = Logger(label: "test")
        let queue = HangingQueue(SQLiteQueue(log, groupRetention: .seconds(1), logger: logger))
        let backend = PrometheusBackend()
        let meter = BacklogMeter(queue, backend.instruments, logger: logger)
        meter.follow(["r"])
        func lag() -> Double? {
            let scrape = backend.registry.scrape(accept: nil, acceptEncoding: nil)
            return Exposition(scrape.body, format: .text).value("sluice_consumer_lag_messages", ["handler_name": "r"])
        }
        try await queue.publisher.publish([Message(payload: [1])], to: queue.events)
        let running = Task { try await meter.run() }
        try await eventually("the figures") {
            await meter.update()
            return lag() == 1
        }
        queue.hang()
        try await queue.publisher.publish([Message(payload: [2])], to: queue.events)
        // Were it to wait, this would never end.
        for _ in 0..<3 { await meter.update() }
        #expect(lag() == 1)
        queue.goOn()
        try await eventually("the figures after it") {
            await meter.update()
            return lag() == 2
        }
        running.cancel()
        try await running.value
        await queue.close()
    }
}
