import Sluice

/// A message that was delivered, made into what a route handles.
struct Incoming {
    let message: Message
    var origin: Delivery.Origin
    let original: Feed.Original
    /// The bytes that it holds.
    let size: Int

    init(
        _ content: ContentReader.Content, isRedelivered: Bool, of feed: Feed, options: AMQPSubscriber.Configuration
    ) {
        var properties = content.properties ?? AMQPProperties()
        properties.forgetWaiting(in: feed.layout.queue.name)
        let headers = properties.headers
        // A message that waited comes from the queue in which it did.
        let exchange = headers[BrokerHeaders.exchange]?.description ?? content.exchange
        let routingKey = headers[BrokerHeaders.routingKey]?.description ?? content.routingKey
        original = Feed.Original(
            properties: content.raw, exchange: exchange, routingKey: routingKey,
            body: content.isTooLarge ? nil : content.body)
        size = content.raw.count + content.body.count
        let attempt = Self.attempt(headers, isRedelivered: isRedelivered)
        var origin = Delivery.Origin(
            attempt: attempt, redelivered: isRedelivered || attempt > 1,
            progress: attempt > 1 ? ProgressHeader.read(headers[BrokerHeaders.progress]) : nil)
        if let seconds = properties.timestamp, let seconds = Int64(exactly: seconds) {
            let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
            if !overflow { origin.timestamp = Timestamp(millisecondsSince1970: milliseconds) }
        }
        var message: Message?
        var delivery: AMQPDelivery?
        do {
            if content.isTooLarge {
                throw AMQPError(
                    .tooLarge,
                    "a message of \(content.size) bytes is larger than the \(options.maxMessageBytes) taken in")
            }
            guard content.properties != nil else {
                throw AMQPError(.undecodable, "the properties of a message cannot be read")
            }
            let readable = AMQPDelivery(
                properties: properties, body: content.body, exchange: exchange, routingKey: routingKey,
                isRedelivered: origin.redelivered, queue: feed.layout.queue.name)
            delivery = readable
            message = try Self.read(readable, options.marshaler, feed.topic)
        } catch {
            origin.failure = error
        }
        self.message =
            message ?? delivery.map { WatermillAMQPMarshaler().read($0).message } ?? Message(payload: content.body)
        self.origin = origin
    }

    /// - Throws: ``MetadataError`` where it has more headers than a message may have metadata.
    private static func read(
        _ delivery: AMQPDelivery, _ marshaler: any AMQPMarshaler, _ topic: Topic
    ) throws -> Message {
        if let watermill = marshaler as? WatermillAMQPMarshaler {
            let (message, isCutOff) = watermill.read(delivery)
            if isCutOff { throw MetadataError() }
            return message
        }
        let headers = delivery.properties.headers
        guard headers.count <= MetadataLimits.count, headers.size <= MetadataLimits.bytes else { throw MetadataError() }
        return try marshaler.unmarshal(delivery, from: topic)
    }

    /// Which delivery of the message this is, as far as it was counted: a subscriber that let it wait says which
    /// the copy's first one is; a quorum queue counts on from there, and other queues say only that it is not the first.
    private static func attempt(_ headers: AMQPTable, isRedelivered: Bool) -> Int {
        let limit: Int64 = 1 << 30
        var first: Int64 = 1
        var before: Int64 = isRedelivered ? 1 : 0
        for header in headers where header.name.hasPrefix("x-") {
            switch header.name {
            case BrokerHeaders.attempt: first = min(max(header.value.integer ?? 1, 1), limit)
            case BrokerHeaders.deliveryCount: before = min(max(header.value.integer ?? 0, before), limit)
            default: break
            }
        }
        return Int(clamping: min(first + before, limit))
    }
}

extension AMQPProperties {
    /// Takes out what the broker wrote when the message waited in a queue beside its own: no publisher wrote that.
    fileprivate mutating func forgetWaiting(in queue: String) {
        guard case .array(let deaths)? = headers["x-death"] else { return }
        func isTier(_ name: AMQPValue?) -> Bool {
            if case .text(let name)? = name { name.hasPrefix(queue + RetryTiers.infix) } else { false }
        }
        let others = deaths.filter { if case .table(let death) = $0 { !isTier(death["queue"]) } else { true } }
        headers["x-death"] = others.isEmpty ? nil : .array(others)
        guard isTier(headers["x-first-death-queue"]) else { return }
        for name in ["queue", "reason", "exchange"] { headers["x-first-death-\(name)"] = nil }
    }
}
