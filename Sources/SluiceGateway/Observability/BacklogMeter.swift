import Logging
import Sluice
import Synchronization

/// Shows how far each route that reads the queue is behind, and what lies in the poison queue.
final class BacklogMeter: Sendable {
    private struct Route: Sendable {
        let name: String
        let oldest: GaugeHandle
        /// By partition. One that another gateway reads now stays, at 0: its lag is told there.
        var lag: [Int32: GaugeHandle] = [:]
    }

    private let queue: any EventQueue
    private let instruments: Instruments
    private let routes: Mutex<[Route]>
    private let poisonMessages: GaugeHandle
    private let poisonOldest: GaugeHandle
    private let up: GaugeHandle
    private let logger: Logger

    /// - Parameter routes: the names of those that read the queue.
    init(_ queue: any EventQueue, routes: [String], _ instruments: Instruments, logger: Logger) {
        self.queue = queue
        self.instruments = instruments
        self.logger = logger
        let topic = ("topic", queue.events.name)
        self.routes = Mutex(
            routes.map { name in
                let labels = [("handler_name", name), topic]
                return Route(
                    name: name, oldest: instruments.gauge(.oldestPending, labels),
                    lag: [0: instruments.gauge(.consumerLag, labels + [("partition", "0")])])
            })
        let poison = [("topic", queue.poison.name)]
        poisonMessages = instruments.gauge(.poisonQueueMessages, poison)
        poisonOldest = instruments.gauge(.poisonOldestMessage, poison)
        up = instruments.gauge(.connectionUp, [("component", queue.publisher.name)])
    }

    /// Costs a few rows, or none, for each route. Called before each scrape.
    func update() async {
        do {
            let names = routes.withLock { routes in routes.map(\.name) }
            for (index, name) in names.enumerated() { show(try await queue.backlog(of: name), ofRoute: index) }
            let poison = try await queue.poisoned()
            poisonMessages.set(Double(poison.total))
            poisonOldest.set(seconds(poison.oldest))
            up.set(queue.readiness.reasons.isEmpty ? 1 : 0)
        } catch {
            up.set(0)
            logger.warning("backlog cannot be read", metadata: ["error": "\(error)"])
        }
    }

    private func show(_ backlog: Backlog, ofRoute index: Int) {
        routes.withLock { routes in
            for partition in backlog.messages.keys where routes[index].lag[partition] == nil {
                routes[index].lag[partition] = instruments.gauge(
                    .consumerLag,
                    [
                        ("handler_name", routes[index].name), ("topic", queue.events.name),
                        ("partition", "\(partition)"),
                    ])
            }
            for (partition, gauge) in routes[index].lag { gauge.set(Double(backlog.messages[partition] ?? 0)) }
            routes[index].oldest.set(seconds(backlog.oldest))
        }
    }

    /// 0 for none. A record can name any time: none was published after now.
    private func seconds(_ time: Timestamp?) -> Double {
        Double(time.map { min(max($0, Timestamp(millisecondsSince1970: 0)), .now()) }?.millisecondsSince1970 ?? 0)
            / 1_000
    }
}
