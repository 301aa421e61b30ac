import Logging
import Sluice

/// Shows how far each route that reads the queue is behind, and what lies in the poison queue.
final class BacklogMeter: Sendable {
    private struct Group: Sendable {
        let name: String
        let lag: GaugeHandle
        let oldest: GaugeHandle
    }

    private let queue: EventQueue
    private let groups: [Group]
    private let poisonMessages: GaugeHandle
    private let poisonOldest: GaugeHandle
    private let up: GaugeHandle
    private let logger: Logger

    /// - Parameter groups: the routes that read the queue, each in a group of its own name.
    init(_ queue: EventQueue, groups: [String], _ instruments: Instruments, logger: Logger) {
        self.queue = queue
        self.logger = logger
        let topic = ("topic", EventQueue.events.name)
        self.groups = groups.map { name in
            let labels = [("handler_name", name), topic]
            return Group(
                name: name,
                lag: instruments.gauge(.consumerLag, labels + [("partition", "0")]),
                oldest: instruments.gauge(.oldestPending, labels))
        }
        let poison = [("topic", EventQueue.poison.name)]
        poisonMessages = instruments.gauge(.poisonQueueMessages, poison)
        poisonOldest = instruments.gauge(.poisonOldestMessage, poison)
        up = instruments.gauge(.connectionUp, [("component", queue.publisher.name)])
    }

    /// Reads a few rows for each group. Called before each scrape.
    func update() async {
        do {
            for group in groups {
                let backlog = try await queue.backlog(group.name, EventQueue.events)
                group.lag.set(Double(backlog.messages))
                group.oldest.set(seconds(backlog.oldest))
            }
            let poison = try await queue.backlog(EventQueue.poisonGroup, EventQueue.poison)
            poisonMessages.set(Double(poison.messages))
            poisonOldest.set(seconds(poison.oldest))
            up.set(1)
        } catch {
            up.set(0)
            logger.warning("backlog cannot be read", metadata: ["error": "\(error)"])
        }
    }

    private func seconds(_ time: Timestamp?) -> Double {
        Double(time?.millisecondsSince1970 ?? 0) / 1_000
    }
}
