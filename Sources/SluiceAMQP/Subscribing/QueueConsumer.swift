import CRabbitMQ
import Sluice

/// A subscription at work on a connection: its channel, its consumer, and what the broker is told on it.
final class QueueConsumer {
    let feed: Feed
    /// 0 while there is none.
    private(set) var channel: UInt16 = 0
    private(set) var isReading = false
    /// When to try again to read the queue.
    private(set) var retryAt: MonotonicTime?
    /// Since the last delivery.
    private(set) var failures = 0

    /// No other consumer of the queue has it, not even one that a crash of the broker has ended.
    private let tag = LentText("sluice-\(MessageID())")
    /// The broker was asked to deliver nothing more.
    private var isCancelled = false
    private var batch: [Delivery] = []
    private var arrival = MonotonicTime.now()
    private static let backoff = Backoff.exponential(from: .milliseconds(100), upTo: .seconds(30), jitter: false)

    init(_ feed: Feed) {
        self.feed = feed
    }

    // MARK: Beginning and ending

    /// Declares the queue where it is missing and begins to read it, on a channel that is not in use.
    func begin(
        on channel: UInt16, _ topology: AMQPTopology, _ options: AMQPSubscriber.Configuration, _ link: Link
    ) throws(AMQPError) {
        try link.openChannel(channel)
        self.channel = channel
        try link.ensure(feed.layout, topology.subscriberDeclares, on: channel)
        try link.request(
            Method.basicQos, on: channel,
            amqp_basic_qos_t(prefetch_size: 0, prefetch_count: options.prefetch, global: 0),
            answer: Method.basicQosOk)
        // Deliveries may come before the answer to the request for them.
        isReading = true
        feed.begin()
        let pool = NativePool()
        try link.request(
            Method.basicConsume, on: channel,
            amqp_basic_consume_t(
                ticket: 0, queue: pool.copy(feed.layout.queue.name), consumer_tag: tag.bytes, no_local: 0, no_ack: 0,
                exclusive: options.isExclusive ? 1 : 0, nowait: 0,
                arguments: topology.consumerArguments.encoded(in: pool)),
            answer: Method.basicConsumeOk)
        retryAt = nil
        feed.monitor.connected(to: "\(link.host)")
        feed.decide(.reading)
    }

    /// Asks the broker to deliver nothing more, once.
    func cancel(_ link: Link) throws(AMQPError) {
        guard !isCancelled else { return }
        isCancelled = true
        try link.wire.send(
            Method.basicCancel, on: channel, amqp_basic_cancel_t(consumer_tag: tag.bytes, nowait: 1))
    }

    /// What was delivered settles nothing any more, and the broker delivers it again.
    func stop() {
        isReading = false
        isCancelled = false
        batch = []
        feed.end()
    }

    /// Its channel is gone.
    func loseChannel() {
        stop()
        channel = 0
    }

    /// The connection is gone; on the next one it begins at once.
    func disconnect() {
        loseChannel()
        failures = 0
        retryAt = nil
    }

    /// Reading has failed, and is tried again: at once the first time, for a queue that was deleted is declared again.
    func postpone() {
        failures += 1
        let pause =
            failures == 1 ? .zero : Self.backoff.bound(beforeRetry: failures - 1) * Double.random(in: 0.5...1)
        retryAt = MonotonicTime.now().advanced(by: pause)
    }

    /// What is in the queue is not wanted any more.
    func remove(_ link: Link) throws(AMQPError) {
        stop()
        guard channel != 0 else { return }
        do throws(AMQPError) {
            // The queue of one subscription has no other reader.
            if feed.layout.isGenerated { try link.delete(feed.layout.queue, on: channel) }
            try link.closeChannel(channel)
        } catch {
            if let failure = link.failure { throw failure }
        }
        channel = 0
    }

    // MARK: Messages

    /// - Throws: when the broker does not count as it should.
    func arrived(_ incoming: Incoming, tag: UInt64) throws(AMQPError) {
        if batch.isEmpty { arrival = .now() }
        failures = 0
        if let error = incoming.origin.failure as? AMQPError { feed.meter?.failed(error) }
        guard let deliveryTag = feed.deliver(tag, incoming.original, size: incoming.size) else { throw Self.miscounted }
        batch.append(
            Delivery(incoming.message, origin: incoming.origin, settler: feed, tag: deliveryTag, arrival: arrival))
    }

    /// A message came that there is no room for.
    /// - Throws: when the broker does not count as it should.
    func postpone(_ tag: UInt64, bodySize: UInt64) throws(AMQPError) {
        guard feed.defer(tag, bodySize: bodySize) else { throw Self.miscounted }
    }

    private static var miscounted: AMQPError {
        AMQPError(.malformed, "the broker counts deliveries in a way that cannot be followed")
    }

    /// Hands over what has arrived. There is always room: no more can be out than the subscription holds.
    func offer() {
        guard !batch.isEmpty else { return }
        let batch = batch
        self.batch = []
        self.batch.reserveCapacity(batch.count)
        // What an ended subscription does not take counts as handed back.
        feed.subscription.offer(batch)
    }

    /// Puts back what there was no room for, and acknowledges.
    func tell(_ work: Feed.Work, _ link: Link) throws(AMQPError) {
        for tag in work.putBack {
            try link.wire.send(
                Method.basicNack, on: channel, amqp_basic_nack_t(delivery_tag: tag, multiple: 0, requeue: 1))
        }
        let flush = work.flush
        if let upTo = flush.upTo {
            try link.wire.send(Method.basicAck, on: channel, amqp_basic_ack_t(delivery_tag: upTo, multiple: 1))
        }
        for tag in flush.singles {
            try link.wire.send(Method.basicAck, on: channel, amqp_basic_ack_t(delivery_tag: tag, multiple: 0))
        }
    }

    /// Puts a message back into the queue, for any consumer.
    func giveBack(_ rejected: Feed.Rejected, _ link: Link) throws(AMQPError) {
        guard feed.giveBack(rejected) else { return }
        try link.wire.send(
            Method.basicNack, on: channel, amqp_basic_nack_t(delivery_tag: rejected.tag, multiple: 0, requeue: 1))
    }
}
