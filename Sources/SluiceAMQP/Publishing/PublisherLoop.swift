import CRabbitMQ
import Logging
import Sluice

/// The publisher's thread: sends what is in its inbox, keeps a window of messages unconfirmed, and lets tasks go on when
/// theirs are confirmed.
final class PublisherLoop: ConnectionWork, LinkDelegate {
    /// The channel that messages are published on, and the one for declarations.
    private static let publishing: UInt16 = 1
    private static let declaring: UInt16 = 2

    private let inbox: Inbox<PublishCall>
    private let topology: AMQPTopology
    private let options: AMQPPublisher.Configuration
    private let monitor: ConnectionMonitor
    private let meter: PublisherMeter?
    private let logger: Logger

    private let window: PublishWindow
    private var topics: DeclaredTopics
    private var reader = ContentReader(limit: 1 << 30)
    private let pool = NativePool()
    private var isOpen = false
    private var blockedSince: MonotonicTime?
    private var lastConfirm = MonotonicTime.now()
    /// How often the broker has closed the channel since it confirmed something.
    private var closures = 0
    /// What was logged of what is tried again.
    private let diary = FailureDiary()
    private var hasTroubles = false
    /// What keeps the broker away.
    private var problem: AMQPError?

    /// No topic has such a name.
    private static let channelSubject = ""

    init(
        _ inbox: Inbox<PublishCall>, topology: AMQPTopology, options: AMQPPublisher.Configuration,
        monitor: ConnectionMonitor,
        meter: PublisherMeter?, logger: Logger
    ) {
        self.inbox = inbox
        self.topology = topology
        self.options = options
        self.monitor = monitor
        self.meter = meter
        self.logger = logger
        window = PublishWindow(options, meter: meter)
        topics = DeclaredTopics(topology, channel: Self.declaring)
    }

    // MARK: Without a connection

    var isStopping: Bool { inbox.closing != nil }

    func rest() -> MonotonicTime? {
        window.add(inbox.takeAll())
        if isStopping {
            window.failAll(ClosedError("amqp publisher"))
            return nil
        }
        if let problem, problem.needsPerson { window.failAll(problem) }
        return window.expire(.now(), problem)
    }

    func disconnected(_ error: AMQPError) {
        problem = error
        let lost = Self.transient(error, .connectionLost)
        window.abandon { _ in lost }
        isOpen = false
        blockedSince = nil
        meter?.unconfirmed(0)
    }

    /// Whatever ended a connection or channel is no fault of the other messages that were under way.
    private static func transient(_ error: AMQPError, _ code: AMQPError.Code) -> AMQPError {
        error.disposition == .retry() ? error : AMQPError(code, error.detail)
    }

    // MARK: With a connection

    func serve(_ link: Link) throws(AMQPError) {
        problem = nil
        lastConfirm = .now()
        closures = 0
        link.delegate = self
        topics = DeclaredTopics(topology, channel: Self.declaring)
        reader = ContentReader(limit: 1 << 30)
        while true {
            if !isOpen {
                try link.openChannel(Self.publishing)
                try link.selectConfirms(on: Self.publishing)
                isOpen = true
            }
            window.add(inbox.takeAll())
            let now = MonotonicTime.now()
            // A broker that has said that it takes nothing is waited for.
            var next = blockedSince == nil ? window.expire(now, nil) : nil
            if let closing = inbox.closing {
                if window.isEmpty || now >= closing {
                    window.failAll(ClosedError("amqp publisher"))
                    link.close(within: min(.seconds(2), options.closeTimeout))
                    return
                }
                next = min(closing, next ?? closing)
            }
            if blockedSince == nil {
                try send(link)
                try checkAnswers(now)
            }
            let count = window.unconfirmed
            meter?.unconfirmed(count)
            try link.turn(until: next)
            if window.unconfirmed < count { lastConfirm = .now() }
        }
    }

    private func checkAnswers(_ now: MonotonicTime) throws(AMQPError) {
        if window.unconfirmed == 0 {
            lastConfirm = now
        } else if now.nanoseconds(since: lastConfirm) / 2 > options.publishTimeout.wholeNanoseconds {
            throw AMQPError(.connectionLost, "the broker answers and confirms nothing")
        }
    }

    // MARK: Sending

    private func send(_ link: Link) throws(AMQPError) {
        while let sending = window.next() {
            guard let target = try target(of: sending, link) else { continue }
            while !sending.isSent {
                // The broker may have said so while it was asked for the topic.
                guard blockedSince == nil, window.hasRoom, link.wire.hasRoom else { return }
                try send(sending, target, link)
            }
        }
    }

    /// - Returns: nil when there is no such topic and the call has failed.
    private func target(
        of sending: PublishWindow.Sending, _ link: Link
    ) throws(AMQPError) -> DeclaredTopics.Target? {
        let topic = sending.call.topic
        do throws(AMQPError) {
            let target = try topics.target(of: topic, link)
            if hasTroubles {
                diary.logEnd(
                    "the topic can be published to again", of: topic.name, metadata: ["topic": "\(topic)"], to: logger)
            }
            return target
        } catch {
            if let failure = link.failure { throw failure }
            hasTroubles = true
            diary.log(
                "a topic could not be declared", error, of: topic.name, metadata: ["topic": "\(topic)"], to: logger)
            window.fail(sending, error)
            return nil
        }
    }

    private func send(
        _ sending: PublishWindow.Sending, _ target: DeclaredTopics.Target, _ link: Link
    ) throws(AMQPError) {
        let publishing = sending.call.publishings[sending.next]
        guard publishing.properties.size <= link.wire.frameMax - 64 else {
            let id = sending.call.messages[sending.next].id
            window.skip(
                sending,
                AMQPError(
                    .tooLarge, "message \(id) has more metadata than a frame of \(link.wire.frameMax) bytes holds"))
            return
        }
        pool.recycle()
        var properties = publishing.properties.encoded(in: pool)
        try link.wire.send(
            Method.basicPublish, on: Self.publishing,
            amqp_basic_publish_t(
                ticket: 0, exchange: target.exchange.bytes, routing_key: target.routingKey.bytes,
                mandatory: options.isMandatory ? 1 : 0, immediate: 0))
        let wire = link.wire
        let result = publishing.body.withUnsafeBytes { body in
            Result { () throws(AMQPError) in try wire.sendContent(&properties, body, on: Self.publishing) }
        }
        try result.get()
        window.noteSent(sending)
    }

    // MARK: Receiving

    func received(_ frame: Frame) throws(AMQPError) {
        switch frame {
        case .method(Self.publishing, Method.basicAck, let arguments):
            let ack = arguments.assumingMemoryBound(to: amqp_basic_ack_t.self).pointee
            if hasTroubles { diary.logEnd("the channel works again", of: Self.channelSubject, to: logger) }
            try confirm(ack.delivery_tag, multiple: ack.multiple != 0) { [self] sent in
                sent.isReturned ? unroutable(sent) : nil
            }
        case .method(Self.publishing, Method.basicNack, let arguments):
            let nack = arguments.assumingMemoryBound(to: amqp_basic_nack_t.self).pointee
            try confirm(nack.delivery_tag, multiple: nack.multiple != 0) { sent in
                AMQPError(.refused, "the broker did not take message \(sent.id)")
            }
        case .method(let channel, Method.basicReturn, let arguments):
            try reader.begin(arguments.assumingMemoryBound(to: amqp_basic_return_t.self).pointee, on: channel)
        case .header(let channel, let size, let properties, let raw):
            if let content = try reader.head(size, properties, raw, on: channel) { returned(content) }
        case .body(let channel, let piece):
            if let content = try reader.body(piece, on: channel) { returned(content) }
        default: break
        }
    }

    private func confirm(
        _ number: UInt64, multiple: Bool, _ problem: (PublishWindow.Sent) -> AMQPError?
    ) throws(AMQPError) {
        closures = 0
        guard window.confirm(number, multiple: multiple, problem) else {
            // The broker's count and this one have gone apart: nothing that it confirms can be believed.
            throw AMQPError(.malformed, "the broker confirmed a message that does not wait for it")
        }
    }

    private func unroutable(_ sent: PublishWindow.Sent) -> AMQPError {
        let layout = topics[sent.topic]?.layout
        topics.forget(sent.topic)
        let place =
            layout.map { layout in
                layout.exchange.name.isEmpty
                    ? "there is no queue \(layout.routingKey)"
                    : "exchange \(layout.exchange.name) has no queue for the routing key \"\(layout.routingKey)\""
            } ?? "no queue takes what is published to \(sent.topic)"
        return AMQPError(.unroutable, "message \(sent.id) came back: \(place)")
    }

    private func returned(_ content: ContentReader.Content) {
        guard case .returned = content.announcement else { return }
        meter?.returned()
        let topics = topics
        window.noteReturned(content) { topic in
            guard let layout = topics[topic]?.layout else { return false }
            return layout.exchange.name == content.exchange && layout.routingKey == content.routingKey
        }
    }

    func channelClosed(_ channel: UInt16, _ error: AMQPError) throws(AMQPError) {
        switch channel {
        case Self.publishing:
            hasTroubles = true
            diary.log("the broker closed the channel", error, of: Self.channelSubject, to: logger)
            meter?.failed(error)
            reader.forget(channel)
            isOpen = false
            let (topics, others) = (topics, Self.transient(error, .channelClosed))
            window.abandon { topic in
                let exchange = topics[topic]?.layout.exchange.name
                let isNamed = exchange.map { error.detail.contains("exchange '\($0.isEmpty ? "amq.default" : $0)'") }
                return isNamed == true ? error : others
            }
            topics.forgetAll()
            meter?.unconfirmed(0)
            // What closes every channel may not do so on another connection, which is waited for.
            if error.code == .channelClosed { closures += 1 }
            if closures >= 3 { throw others }
        case Self.declaring: topics.channelClosed()
        default: break
        }
    }

    func blocked(_ reason: String?) {
        monitor.blocked(reason)
        if reason != nil {
            blockedSince = blockedSince ?? .now()
        } else if let since = blockedSince {
            blockedSince = nil
            lastConfirm = .now()
            window.extend(by: .nanoseconds(Int64(clamping: MonotonicTime.now().nanoseconds(since: since))))
        }
    }
}
