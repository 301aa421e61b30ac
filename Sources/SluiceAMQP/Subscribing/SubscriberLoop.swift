import CRabbitMQ
import Logging
import Sluice

/// The subscriber's thread: a channel and a consumer for each subscription, deliveries in batches, settlements in
/// batches.
final class SubscriberLoop: ConnectionWork, LinkDelegate {
    /// The channel on which rejected messages go to where they wait.
    private static let retrying: UInt16 = 1
    /// The one on which these queues are declared.
    private static let declaring: UInt16 = 2

    private let feeds: Inbox<Feed>
    private let topology: AMQPTopology
    private let options: AMQPSubscriber.Configuration
    private let monitor: ConnectionMonitor
    private let logger: Logger

    private var consumers: [QueueConsumer] = []
    private var reader: ContentReader
    private var waiting: RetryWaiting
    private weak var link: Link?
    /// What keeps the broker away.
    private var problem: AMQPError?
    private let retryBackoff = Backoff.exponential(from: .milliseconds(100), upTo: .seconds(30), jitter: false)

    init(
        _ feeds: Inbox<Feed>, topology: AMQPTopology, options: AMQPSubscriber.Configuration, monitor: ConnectionMonitor,
        logger: Logger
    ) {
        self.feeds = feeds
        self.topology = topology
        self.options = options
        self.monitor = monitor
        self.logger = logger
        reader = ContentReader(limit: options.maxMessageBytes)
        waiting = RetryWaiting(
            options: options, channel: Self.retrying, declaring: Self.declaring, logger: logger)
    }

    // MARK: Without a connection

    /// Where nothing more can be subscribed to, what was subscribed to goes on for as long as it is wanted.
    var isStopping: Bool {
        guard let closing = feeds.closing else { return false }
        return closing <= .now() || consumers.isEmpty && feeds.isEmpty
    }

    func rest() -> MonotonicTime? {
        takeAdded()
        for consumer in consumers {
            if isStopping { consumer.feed.subscription.cancel() }
            decideWithoutBroker(consumer.feed)
            if consumer.feed.subscription.isEnded {
                consumer.feed.end()
                if consumer.feed.failure == nil { consumer.feed.monitor.closed() }
            }
        }
        consumers.removeAll { $0.feed.subscription.isEnded }
        return nil
    }

    /// Who is refused learns that at once; an absent broker is waited for.
    private func decideWithoutBroker(_ feed: Feed) {
        if let problem, problem.needsPerson {
            feed.decide(.failed(problem))
        } else {
            feed.decide(.unavailable)
        }
    }

    func disconnected(_ error: AMQPError) {
        problem = error
        takeAdded()
        for consumer in consumers {
            consumer.disconnect()
            consumer.feed.monitor.lost(error, isKnown: true)
            decideWithoutBroker(consumer.feed)
        }
        waiting = RetryWaiting(
            options: options, channel: Self.retrying, declaring: Self.declaring, logger: logger)
    }

    private func takeAdded() {
        for feed in feeds.takeAll() { consumers.append(QueueConsumer(feed)) }
    }

    // MARK: With a connection

    func serve(_ link: Link) throws(AMQPError) {
        self.link = link
        problem = nil
        defer { self.link = nil }
        link.delegate = self
        reader = ContentReader(limit: options.maxMessageBytes)
        while true {
            takeAdded()
            if isStopping { return try stop(link) }
            let now = MonotonicTime.now()
            var next = try waiting.release(due: now, link)
            for consumer in consumers {
                let due = try work(consumer, now, link)
                next = [next, due].compactMap(\.self).min()
            }
            consumers.removeAll { $0.feed.subscription.isEnded && $0.channel == 0 }
            try waiting.send(link)
            // While the broker was asked for something, messages may have come.
            offer()
            try link.turn(until: next)
            offer()
        }
    }

    /// - Returns: when to look at it again.
    private func work(
        _ consumer: QueueConsumer, _ now: MonotonicTime, _ link: Link
    ) throws(AMQPError) -> MonotonicTime? {
        let feed = consumer.feed
        let hasEnded = feed.subscription.isEnded
        if !consumer.isReading {
            guard !hasEnded else {
                try remove(consumer, link)
                return nil
            }
            if consumer.retryAt.map({ $0 <= now }) ?? true { try begin(consumer, link) }
            return consumer.retryAt
        }
        if hasEnded { try consumer.cancel(link) }
        let work = feed.takeWork(hasEnded ? nil : now)
        try consumer.tell(work, link)
        for rejected in work.rejected { try reject(rejected, of: consumer, hasEnded: hasEnded, link) }
        guard hasEnded else { return work.due }
        try waiting.release(of: feed, link)
        // Its owner may be about to reject what it held: nothing that is taken here may be left.
        while true {
            let rest = feed.takeWork(nil)
            try consumer.tell(rest, link)
            for rejected in rest.rejected { try reject(rejected, of: consumer, hasEnded: true, link) }
            guard rest.rejected.isEmpty else { continue }
            if rest.outstanding == 0 { try remove(consumer, link) }
            return nil
        }
    }

    // MARK: Reading a queue

    private func begin(_ consumer: QueueConsumer, _ link: Link) throws(AMQPError) {
        do throws(AMQPError) {
            try consumer.begin(on: try freeChannel(link), topology, options, link)
        } catch {
            if let failure = link.failure { throw failure }
            try failed(consumer, error)
        }
    }

    /// The queue cannot be read for now. What is wrong with the topology is told to the subscriber; anything
    /// else is tried again.
    private func failed(_ consumer: QueueConsumer, _ error: AMQPError) throws(AMQPError) {
        let feed = consumer.feed
        reader.forget(consumer.channel)
        consumer.loseChannel()
        feed.meter?.failed(error)
        switch error.code {
        case .mismatch, .notFound, .accessRefused, .invalidConfiguration, .unencodable:
            // Who subscribed gets the error, and logs it.
            feed.monitor.lost(error, isKnown: true)
            feed.fail(error)
        default:
            feed.monitor.lost(error)
            consumer.postpone()
            feed.decide(.unavailable)
            // What ends every channel may not do so on another connection, which is waited for.
            if error.code == .channelClosed, consumer.failures >= 3 { throw error }
        }
    }

    private func freeChannel(_ link: Link) throws(AMQPError) -> UInt16 {
        let used = Set(consumers.map(\.channel))
        for channel in 3...max(3, link.channelMax) where !used.contains(channel) { return channel }
        throw AMQPError(.system, "the connection has no channel left for another subscription")
    }

    private func remove(_ consumer: QueueConsumer, _ link: Link) throws(AMQPError) {
        waiting.forget(consumer.feed)
        // One that has failed keeps the reason.
        if consumer.feed.failure == nil { consumer.feed.monitor.closed() }
        let channel = consumer.channel
        try consumer.remove(link)
        reader.forget(channel)
    }

    /// Tells the broker what was settled, and says goodbye. What is out is delivered again.
    private func stop(_ link: Link) throws(AMQPError) {
        for consumer in consumers {
            consumer.feed.subscription.cancel()
            guard consumer.isReading else { continue }
            let work = consumer.feed.takeWork(nil)
            try consumer.tell(work, link)
            for rejected in work.rejected {
                try reject(rejected, of: consumer, hasEnded: rejected.delay == nil, link)
            }
        }
        try waiting.send(link)
        let deadline = MonotonicTime.now().advanced(by: .seconds(2))
        while !waiting.isIdle, MonotonicTime.now() < deadline { try link.turn(until: deadline) }
        for consumer in consumers {
            if consumer.isReading { try consumer.tell(consumer.feed.takeWork(nil), link) }
            if consumer.feed.layout.isGenerated, consumer.channel != 0 {
                try? link.delete(consumer.feed.layout.queue, on: consumer.channel)
            }
            consumer.stop()
            consumer.feed.monitor.closed()
        }
        consumers = []
        link.close(within: .seconds(2))
    }

    // MARK: Rejecting

    private func reject(
        _ rejected: Feed.Rejected, of consumer: QueueConsumer, hasEnded: Bool, _ link: Link
    ) throws(AMQPError) {
        // Handed back, or no consumer is left that would get it in a loop.
        let isHandedBack = rejected.delay == nil && rejected.attempt <= 1
        if hasEnded && rejected.delay == nil || isHandedBack {
            return try consumer.giveBack(rejected, link)
        }
        let pace = retryBackoff.bound(beforeRetry: max(1, rejected.attempt))
        let delay = rejected.delay.flatMap { $0 > .zero ? $0 : nil } ?? pace
        waiting.add(rejected, after: min(delay, options.maxRedeliveryDelay), of: consumer.feed, on: consumer.channel)
    }

    // MARK: Receiving

    func received(_ frame: Frame) throws(AMQPError) {
        switch frame {
        case .method(let channel, Method.basicDeliver, let arguments):
            try reader.begin(arguments.assumingMemoryBound(to: amqp_basic_deliver_t.self).pointee, on: channel)
        case .header(let channel, let size, let properties, let raw):
            let isKept = consumers.first { $0.channel == channel }?.feed.takes(size) ?? true
            if let content = try reader.head(size, properties, raw, isKept: isKept, on: channel) {
                try arrived(content, on: channel)
            }
        case .body(let channel, let piece):
            if let content = try reader.body(piece, on: channel) { try arrived(content, on: channel) }
        case .method(let channel, Method.basicCancel, _):
            try cancelled(channel)
        case .method(let channel, Method.basicReturn, let arguments):
            try reader.begin(arguments.assumingMemoryBound(to: amqp_basic_return_t.self).pointee, on: channel)
        case .method(Self.retrying, let id, let arguments): waiting.received(id, arguments)
        default: break
        }
    }

    private func arrived(_ content: ContentReader.Content, on channel: UInt16) throws(AMQPError) {
        guard case .delivery(let tag, let isRedelivered) = content.announcement else {
            return waiting.returned(content)
        }
        guard let consumer = consumers.first(where: { $0.channel == channel }), consumer.isReading else { return }
        guard content.isKept else { return try consumer.postpone(tag, bodySize: content.size) }
        var incoming = Incoming(content, isRedelivered: isRedelivered, of: consumer.feed, options: options)
        if isRedelivered { waiting.attempts.count(&incoming) }
        try consumer.arrived(incoming, tag: tag)
    }

    private func offer() {
        for consumer in consumers { consumer.offer() }
    }

    /// The broker delivers nothing more: the queue was deleted, or it has moved.
    private func cancelled(_ channel: UInt16) throws(AMQPError) {
        guard let consumer = consumers.first(where: { $0.channel == channel }), let link else { return }
        let error = AMQPError(
            .channelClosed, "the broker ended the consumer of queue \(consumer.feed.layout.queue.name)")
        try? link.wire.send(
            Method.channelClose, on: channel,
            amqp_channel_close_t(reply_code: 200, reply_text: amqp_bytes_t(), class_id: 0, method_id: 0))
        try failed(consumer, error)
    }

    func channelClosed(_ channel: UInt16, _ error: AMQPError) throws(AMQPError) {
        if channel == Self.retrying || channel == Self.declaring { return waiting.channelClosed(error, channel) }
        guard let consumer = consumers.first(where: { $0.channel == channel }) else { return }
        // Whatever closed a channel that was in use is worth another attempt; the declaration will tell.
        try failed(consumer, AMQPError(.channelClosed, error.detail))
    }

    func blocked(_ reason: String?) {
        monitor.blocked(reason)
        for consumer in consumers { consumer.feed.monitor.blocked(reason) }
        waiting.isBlocked = reason != nil
    }
}
