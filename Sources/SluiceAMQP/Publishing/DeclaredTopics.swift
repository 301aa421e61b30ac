import CRabbitMQ
import Sluice

/// The topics that a publisher knows to exist on this connection. What it declares it declares on a channel of its own:
/// a declaration that fails closes its channel.
final class DeclaredTopics {
    /// Where a topic's messages go.
    final class Target {
        let layout: Layout
        let exchange: LentText
        let routingKey: LentText

        fileprivate init(_ layout: Layout) {
            self.layout = layout
            exchange = LentText(layout.exchange.name)
            routingKey = LentText(layout.routingKey)
        }
    }

    private let topology: AMQPTopology
    private let channel: UInt16
    private var targets: [Topic: Target] = [:]
    private var isOpen = false

    init(_ topology: AMQPTopology, channel: UInt16) {
        self.topology = topology
        self.channel = channel
    }

    subscript(topic: Topic) -> Target? { targets[topic] }

    /// Makes sure that what stands for the topic exists.
    /// - Throws: the broker's reason; the connection goes on unless the link has failed.
    func target(of topic: Topic, _ link: Link) throws(AMQPError) -> Target {
        if let target = targets[topic] { return target }
        let target = Target(try Layout(topology, topic, group: nil, unique: "publisher"))
        do throws(AMQPError) {
            if !isOpen {
                try link.openChannel(channel)
                isOpen = true
            }
            try link.ensure(target.layout, topology.publisherDeclares, on: channel)
        } catch {
            // The broker has closed the channel with its answer.
            isOpen = false
            throw error
        }
        targets[topic] = target
        return target
    }

    /// It is declared again before the next message: it may have been deleted.
    func forget(_ topic: Topic) {
        targets[topic] = nil
    }

    func forgetAll() {
        targets = [:]
    }

    func channelClosed() {
        isOpen = false
    }
}
