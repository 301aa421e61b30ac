import CRabbitMQ
import DequeModule
import Logging
import Sluice

/// Lets rejected messages wait: as copies in queues of the broker's, which give them back by themselves, or, where that
/// cannot be, here, unsettled, until they are given back to their queue.
final class RetryWaiting {
    private struct Entry {
        let rejected: Feed.Rejected
        let feed: Feed
        /// The channel that it was delivered on.
        let channel: UInt16
        let delay: Duration
        let added: MonotonicTime
        /// The tier that its copy is sent to, in milliseconds.
        let tier: Int64
        var isReturned = false

        var due: MonotonicTime { added.advanced(by: delay) }
    }

    private let options: AMQPSubscriber.Configuration
    private let tiers: RetryTiers
    private let channel: UInt16
    /// For declarations: one that is refused closes its channel, and with it what waits there to be confirmed.
    private let declaring: UInt16
    private let logger: Logger
    private let pool = NativePool()
    /// What was logged of what is tried again.
    private let diary = FailureDiary()
    private var unsent = Deque<Entry>()
    private var ledger = ConfirmLedger<Entry>()
    private var held = RedeliveryQueue<Entry>()
    private var isOpen = false
    /// When each tier was declared.
    private var declared: [String: MonotonicTime] = [:]
    /// Until when a tier that could not be declared is not tried again.
    private var refused: [String: MonotonicTime] = [:]
    private var isDeclaringOpen = false
    /// Whether this user may not let messages wait in the broker, which nothing changes while the connection lasts.
    private var isForbidden = false
    let attempts = AttemptMemory()
    var isBlocked = false

    /// - Parameters:
    ///   - channel: its own.
    ///   - declaring: its own too.
    init(options: AMQPSubscriber.Configuration, channel: UInt16, declaring: UInt16, logger: Logger) {
        self.options = options
        self.channel = channel
        self.declaring = declaring
        self.logger = logger
        tiers = RetryTiers(upTo: options.maxRedeliveryDelay)
    }

    /// Whether nothing is on its way to the broker.
    var isIdle: Bool { unsent.isEmpty && ledger.isEmpty }

    func add(_ rejected: Feed.Rejected, after delay: Duration, of feed: Feed, on channel: UInt16) {
        let entry = Entry(
            rejected: rejected, feed: feed, channel: channel, delay: delay, added: .now(),
            tier: tiers.delay(atLeast: delay))
        let canBeSent = options.waitsInQueues && !isForbidden && rejected.original.body != nil
        if canBeSent { unsent.append(entry) } else { hold(entry) }
    }

    // MARK: In the broker

    /// Sends the copies that wait to be sent.
    func send(_ link: Link) throws(AMQPError) {
        while !isBlocked, ledger.count < 1_024, link.wire.hasRoom, let entry = unsent.popFirst() {
            do throws(AMQPError) {
                try send(entry, link)
            } catch {
                if let failure = link.failure { throw failure }
                let queue = entry.feed.layout.queue.name
                diary.log(
                    "rejected messages cannot wait in the broker and wait here", error, of: queue,
                    metadata: ["queue": "\(queue)"], to: logger)
                hold(entry)
            }
        }
    }

    private func send(_ entry: Entry, _ link: Link) throws(AMQPError) {
        let source = entry.feed.layout.queue
        let tier = RetryTiers.queue(of: source, delay: entry.tier)
        let now = MonotonicTime.now()
        if isForbidden { return hold(entry) }
        if let until = refused[tier.name], until > now { return hold(entry) }
        guard tier.name.utf8.count <= 255 else {
            throw AMQPError(.unencodable, "the name of the queue leaves no room for that of a second one")
        }
        var properties = try AMQPProperties(encoded: entry.rejected.original.properties, using: pool)
        Self.prepare(&properties, entry.rejected, source: source.name)
        guard properties.size <= link.wire.frameMax - 64, properties.isEncodable else {
            throw AMQPError(.tooLarge, "the message has more headers than fit into a frame")
        }
        if declared[tier.name].map({ $0.advanced(by: RetryTiers.declarationLife) <= now }) ?? true {
            do throws(AMQPError) {
                try declare(tier, link)
            } catch {
                if link.failure == nil {
                    refused[tier.name] = now.advanced(by: .seconds(30))
                    isForbidden = error.code == .accessRefused
                }
                throw error.during("queue \(tier.name)")
            }
            declared[tier.name] = now
        }
        if !isOpen {
            try link.openChannel(channel)
            isOpen = true
            try link.selectConfirms(on: channel)
        }
        try publish(entry, properties, to: tier.name, link)
        ledger.append(entry)
    }

    private func declare(_ tier: Layout.Queue, _ link: Link) throws(AMQPError) {
        if !isDeclaringOpen {
            try link.openChannel(declaring)
            isDeclaringOpen = true
        }
        do throws(AMQPError) {
            try link.declare(tier, on: declaring)
        } catch {
            isDeclaringOpen = false
            throw error
        }
    }

    private func publish(
        _ entry: Entry, _ properties: AMQPProperties, to tier: String, _ link: Link
    ) throws(AMQPError) {
        pool.recycle()
        var native = properties.encoded(in: pool)
        try link.wire.send(
            Method.basicPublish, on: channel,
            amqp_basic_publish_t(
                ticket: 0, exchange: amqp_bytes_t(), routing_key: pool.copy(tier), mandatory: 1, immediate: 0))
        let (wire, channel) = (link.wire, channel)
        let result = (entry.rejected.original.body ?? []).withUnsafeBytes { body in
            Result { () throws(AMQPError) in try wire.sendContent(&native, body, on: channel) }
        }
        try result.get()
    }

    /// What the copy has beside what the original had.
    private static func prepare(_ properties: inout AMQPProperties, _ rejected: Feed.Rejected, source: String) {
        properties.headers[BrokerHeaders.attempt] = .int64(Int64(rejected.attempt) + 1)
        properties.headers[BrokerHeaders.progress] = rejected.progress.map { .text(ProgressHeader.write($0)) }
        let original = rejected.original
        if !original.exchange.isEmpty || original.routingKey != source {
            properties.headers[BrokerHeaders.exchange] = .text(original.exchange)
            properties.headers[BrokerHeaders.routingKey] = .text(original.routingKey)
        }
        // A message without an id keeps the one that it got here.
        let isNamed = properties.headers[WatermillAMQPMarshaler.idHeader].map { $0.description.isEmpty } == false
        if properties.messageID?.isEmpty != false, !isNamed {
            properties.headers[BrokerHeaders.id] = .text(rejected.message.id.description)
        }
        // The queue counts the copy's deliveries from the beginning; until the second it writes no number of its own.
        properties.headers[BrokerHeaders.deliveryCount] = nil
        // The copy must not expire early, nor be refused as another user's.
        properties.expiration = nil
        properties.userID = nil
        // A broker that sees a queue twice in here takes the message for one that goes round in circles, and drops it.
        if case .array(let deaths)? = properties.headers["x-death"],
            deaths.contains(where: { if case .table(let death) = $0 { death["queue"] == .text(source) } else { false } }
            )
        {
            properties.headers["x-death"] = nil
        }
    }

    // MARK: What the broker says

    func received(_ id: UInt32, _ arguments: UnsafeMutableRawPointer) {
        switch id {
        case Method.basicAck:
            let ack = arguments.assumingMemoryBound(to: amqp_basic_ack_t.self).pointee
            var returned: [Entry] = []
            ledger.confirm(ack.delivery_tag, multiple: ack.multiple != 0) { entry in
                guard !entry.isReturned else { return returned.append(entry) }
                entry.feed.acknowledge(entry.rejected)
                entry.feed.meter?.waitsInQueue()
            }
            for entry in returned { hold(entry) }
        case Method.basicNack:
            let nack = arguments.assumingMemoryBound(to: amqp_basic_nack_t.self).pointee
            var refused: [Entry] = []
            ledger.confirm(nack.delivery_tag, multiple: nack.multiple != 0) { refused.append($0) }
            for entry in refused { hold(entry) }
        default: break
        }
    }

    /// A tier is gone. Which of the copies on their way to it came back is not known: all of them wait here as well.
    func returned(_ content: ContentReader.Content) {
        declared[content.routingKey] = nil
        ledger.changeAll { entry in
            let tier = RetryTiers.queue(of: entry.feed.layout.queue, delay: entry.tier)
            if tier.name == content.routingKey { entry.isReturned = true }
        }
    }

    func channelClosed(_ error: AMQPError, _ closed: UInt16) {
        if closed == declaring {
            isDeclaringOpen = false
            return
        }
        isOpen = false
        declared = [:]
        if error.code == .accessRefused, !isForbidden {
            isForbidden = true
            logger.warning("rejected messages cannot wait in the broker and wait here", metadata: ["error": "\(error)"])
        }
        for entry in ledger.removeAll() { hold(entry) }
    }

    // MARK: Here

    private func hold(_ entry: Entry) {
        entry.feed.meter?.waitsHere()
        held.insert(.init(entry, at: 0, due: entry.due))
    }

    /// Gives back what has waited for long enough.
    /// - Returns: when the next has.
    func release(due now: MonotonicTime, _ link: Link) throws(AMQPError) -> MonotonicTime? {
        while let first = held.takeDue(now: now, limit: 1).first { try giveBack(first.item, link) }
        return held.nextDue
    }

    /// Gives back what waits here for a subscription that has ended: another consumer may have it at once.
    func release(of feed: Feed, _ link: Link) throws(AMQPError) {
        let entries = held.entries.filter { $0.item.feed === feed }
        guard !entries.isEmpty else { return }
        held.removeAll { $0.item.feed === feed }
        for entry in entries { try giveBack(entry.item, link) }
    }

    func forget(_ feed: Feed) {
        held.removeAll { $0.item.feed === feed }
        unsent.removeAll { $0.feed === feed }
    }

    private func giveBack(_ entry: Entry, _ link: Link) throws(AMQPError) {
        guard entry.feed.giveBack(entry.rejected) else { return }
        attempts.note(entry.rejected.attempt, entry.rejected.progress, of: entry.rejected.original)
        try link.wire.send(
            Method.basicNack, on: entry.channel,
            amqp_basic_nack_t(delivery_tag: entry.rejected.tag, multiple: 0, requeue: 1))
    }
}
