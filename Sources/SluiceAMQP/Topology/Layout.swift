import Sluice

/// What a topology comes to for one topic: names in place of rules for them.
struct Layout: Sendable {
    struct Exchange: Sendable, Hashable {
        let name: String
        let type: String
        let isDurable: Bool
        let isAutoDeleted: Bool
        let isInternal: Bool
        let arguments: AMQPTable
    }

    struct Queue: Sendable, Hashable {
        let name: String
        let isDurable: Bool
        let isAutoDeleted: Bool
        let isExclusive: Bool
        let arguments: AMQPTable
    }

    let exchange: Exchange
    let queue: Queue
    let bindingKey: String
    let bindingArguments: AMQPTable
    let routingKey: String
    /// Whether the queue is for one subscription alone.
    let isGenerated: Bool

    /// - Parameters:
    ///   - group: the subscriber's, which names the queue where the topology leaves that open.
    ///   - unique: what makes a queue's name its own where nothing else does.
    init(_ topology: AMQPTopology, _ topic: Topic, group: String?, unique: String) throws(AMQPError) {
        let exchange = topology.exchange
        self.exchange = Exchange(
            name: exchange.name.resolve?(topic) ?? topic.name, type: exchange.type, isDurable: exchange.isDurable,
            isAutoDeleted: exchange.isAutoDeleted, isInternal: exchange.isInternal, arguments: exchange.arguments)
        let name = topology.queue.name.resolve ?? group.map { group in { "\($0.name)_\(group)" } }
        isGenerated = name == nil
        var queue = topology.queue
        if isGenerated {
            if queue.isDurable {
                // It outlives a reconnection; one that is never read again must not gather messages for ever.
                if queue.arguments["x-expires"] == nil { queue.arguments["x-expires"] = .int32(3_600_000) }
            } else {
                queue.isExclusive = true
                queue.isAutoDeleted = true
            }
        }
        self.queue = Queue(
            name: name?(topic) ?? "\(topic.name)_\(unique)", isDurable: queue.isDurable,
            isAutoDeleted: queue.isAutoDeleted, isExclusive: queue.isExclusive, arguments: queue.arguments)
        bindingKey = topology.bindingKey.resolve?(topic) ?? ""
        bindingArguments = topology.bindingArguments
        routingKey = topology.routingKey.resolve?(topic) ?? topic.name
        try validate()
    }

    private func validate() throws(AMQPError) {
        for (what, text) in [
            ("exchange", exchange.name), ("queue", queue.name), ("routing key", routingKey),
            ("binding key", bindingKey),
        ] {
            guard text.utf8.count <= 255 else {
                throw AMQPError(.unencodable, "the name of the \(what) is longer than 255 bytes")
            }
        }
        guard !queue.name.isEmpty else { throw AMQPError(.invalidConfiguration, "the name of the queue is empty") }
        guard exchange.name.isEmpty || !exchange.type.isEmpty else {
            throw AMQPError(.invalidConfiguration, "the exchange \(exchange.name) has no type")
        }
        guard [exchange.arguments, queue.arguments, bindingArguments].allSatisfy(\.isEncodable) else {
            throw AMQPError(.unencodable, "the name of an argument is longer than 255 bytes")
        }
    }
}
