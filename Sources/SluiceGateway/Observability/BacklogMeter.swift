import Logging
import ServiceLifecycle
import Sluice
import Synchronization

/// Shows how far each route that reads the queue is behind, and what lies in the poison queue.
///
/// The figures are read beside the scrape: one that comes while a disk hangs shows what was known last.
final class BacklogMeter: Service {
    /// How long a scrape waits for the figures.
    private static let patience: Duration = .seconds(1)

    private struct Route: Sendable {
        let name: String
        let oldest: GaugeHandle
        let shelved: GaugeHandle
        /// What was read last, over all partitions.
        var known: Int?
        /// By partition. One that another gateway reads now stays, at 0: its lag is told there.
        var lag: [Int32: GaugeHandle] = [:]
        var holders: [Int32: GaugeHandle] = [:]
    }

    private let queue: any EventQueue
    private let instruments: Instruments
    private let routes = Mutex<[Route]>([])
    /// What was read last.
    private let poison = Mutex(Backlog())
    private let poisonMessages: GaugeHandle
    private let poisonOldest: GaugeHandle
    private let up: GaugeHandle
    private let logger: Logger
    private let diary = FailureDiary()
    private let wakes = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    private let scrapes = Mutex(Scrapes())

    /// Who waits for the figures.
    private struct Scrapes {
        var isServed = false
        var last: UInt64 = 0
        var waiting: [UInt64: AsyncStream<Void>.Continuation] = [:]
    }

    init(_ queue: any EventQueue, _ instruments: Instruments, logger: Logger) {
        self.queue = queue
        self.instruments = instruments
        self.logger = logger
        let labels = [("topic", queue.poison.name)]
        poisonMessages = instruments.gauge(.poisonQueueMessages, labels)
        poisonOldest = instruments.gauge(.poisonOldestMessage, labels)
        up = instruments.gauge(.connectionUp, [("component", queue.publisher.name)])
    }

    /// These routes read the queue from now on.
    func follow(_ names: [String]) {
        routes.withLock { routes in
            for name in names where !routes.contains(where: { $0.name == name }) {
                let labels = [("handler_name", name), ("topic", queue.topic(of: name).name)]
                routes.append(
                    Route(
                        name: name, oldest: instruments.gauge(.oldestPending, labels),
                        shelved: instruments.gauge(.shelvedMessages, labels),
                        lag: [0: instruments.gauge(.consumerLag, labels + [("partition", "0")])]))
            }
            for route in routes where !names.contains(route.name) {
                let gauges = [route.oldest, route.shelved] + route.lag.values + route.holders.values
                for gauge in gauges { instruments.retire(gauge) }
            }
            routes.removeAll { !names.contains($0.name) }
        }
    }

    func run() async throws {
        scrapes.withLock { $0.isServed = true }
        for await _ in wakes.stream.cancelOnGracefulShutdown() {
            let waiting = scrapes.withLock { scrapes in
                defer { scrapes.waiting = [:] }
                return scrapes.waiting
            }
            await refresh()
            for scrape in waiting.values { scrape.finish() }
        }
        let left = scrapes.withLock { scrapes in
            scrapes.isServed = false
            return scrapes.waiting
        }
        for scrape in left.values { scrape.finish() }
    }

    /// Brings the figures up to date, or gives up soon. Called before each scrape.
    func update() async { await update(within: Self.patience) }

    func update(within patience: Duration) async {
        let (done, continuation) = AsyncStream<Void>.makeStream()
        let number = scrapes.withLock { scrapes -> UInt64? in
            guard scrapes.isServed else { return nil }
            scrapes.last &+= 1
            scrapes.waiting[scrapes.last] = continuation
            return scrapes.last
        }
        guard let number else { return }
        wakes.continuation.yield()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in done {} }
            group.addTask { try? await Task.sleep(for: patience) }
            await group.next()
            group.cancelAll()
        }
        scrapes.withLock { _ = $0.waiting.removeValue(forKey: number) }
    }

    /// How many messages the route has yet to settle, as it was last read; nil before the first time. Waits for nothing: it
    /// has the figures read anew for who asks again.
    func known(_ route: String) -> Int? {
        wakes.continuation.yield()
        return routes.withLock { $0.first { $0.name == route }?.known }
    }

    /// What can never be delivered waits for a person.
    func report(to readiness: inout Readiness) {
        let poison = poison.withLock(\.self)
        guard poison.total > 0 else { return }
        let count = poison.total == 1 ? "1 message" : "\(poison.total) messages"
        let since = poison.oldest.map { ", the oldest since \(RFC3339.format($0))" } ?? ""
        // Kafka's are listed by other programs.
        let remedy = queue.isShared ? "" : "; `sluice poison list` says why"
        readiness.notes.append("\(queue.poison.name): \(count) could not be delivered\(since)\(remedy)")
    }

    /// Costs a few rows, or none, for each route.
    private func refresh() async {
        do {
            let names = routes.withLock { routes in routes.map(\.name) }
            for name in names { show(try await queue.backlog(of: name), of: name) }
            let poison = try await queue.poisoned()
            self.poison.withLock { $0 = poison }
            poisonMessages.set(Double(poison.total))
            poisonOldest.set(seconds(poison.oldest))
            diary.logEnd("the backlog is read again", to: logger)
            up.set(queue.readiness.reasons.isEmpty ? 1 : 0)
        } catch {
            up.set(0)
            diary.log("backlog cannot be read", error, to: logger)
        }
    }

    private func show(_ backlog: Backlog, of name: String) {
        routes.withLock { routes in
            guard let index = routes.firstIndex(where: { $0.name == name }) else { return }
            routes[index].known = Int(clamping: backlog.total)
            for partition in backlog.messages.keys where routes[index].lag[partition] == nil {
                routes[index].lag[partition] = instruments.gauge(
                    .consumerLag, labels(routes[index].name, partition))
            }
            for partition in backlog.messages.keys where routes[index].holders[partition] == nil {
                routes[index].holders[partition] = instruments.gauge(
                    .partitionHeldBy, labels(routes[index].name, partition))
            }
            for (partition, gauge) in routes[index].holders { gauge.set(Double(backlog.holders[partition] ?? -1)) }
            for (partition, gauge) in routes[index].lag { gauge.set(Double(backlog.messages[partition] ?? 0)) }
            routes[index].oldest.set(seconds(backlog.oldest))
            routes[index].shelved.set(Double(backlog.shelved))
        }
    }

    private func labels(_ route: String, _ partition: Int32) -> [(String, String)] {
        [("handler_name", route), ("topic", queue.topic(of: route).name), ("partition", "\(partition)")]
    }

    /// 0 for none. A record can name any time: none was published after now.
    private func seconds(_ time: Timestamp?) -> Double {
        Double(time.map { min(max($0, Timestamp(millisecondsSince1970: 0)), .now()) }?.millisecondsSince1970 ?? 0)
            / 1_000
    }
}

extension Metric {
    static let consumerLag = gauge(
        "sluice_consumer_lag_messages",
        labels: [.handler, .topic, .partition],
        help: "Messages of the topic that the route has not settled.")
    static let shelvedMessages = gauge(
        "sluice_shelved_messages",
        labels: [.handler, .topic],
        help:
            "Messages of the topic that are put aside because one of their key fails and holds them up. They are part of the lag."
    )
    static let partitionHeldBy = gauge(
        "sluice_partition_held_by_offset",
        labels: [.handler, .topic, .partition],
        help:
            "Offset of the message that fails and keeps its partition from being read on, which is paused: `/readyz` names it. -1 while the partition is read."
    )
    static let oldestPending = gauge(
        "sluice_oldest_pending_timestamp_seconds",
        labels: [.handler, .topic],
        help:
            "When the oldest message that the route has not settled was published, in seconds since 1970; 0 when there is none."
    )
}
