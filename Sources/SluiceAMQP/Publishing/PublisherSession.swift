import CRabbitMQ
import DequeModule
import Logging
import Sluice

/// The publisher's thread: sends what is in the queue, keeps a window of messages unconfirmed, and lets tasks go on when
/// theirs are confirmed.
final class PublisherSession: ConnectionWork, LinkDelegate {
    /// The channel that messages are published on, and the one for declarations: one that fails closes its channel.
    private static let publishing: UInt16 = 1
    private static let declaring: UInt16 = 2

    /// A call whose messages are being sent.
    private final class Sending {
        let call: PublishCall
        /// The next of its messages to send.
        var next = 0
        var unconfirmed = 0
        var failed: [MessageID] = []
        var problem: AMQPError?
        var deadline: MonotonicTime

        init(_ call: PublishCall, deadline: MonotonicTime) {
            self.call = call
            self.deadline = deadline
        }

        /// What the broker has not taken, as far as is known.
        var isSent: Bool { next == call.messages.count }
    }

    private struct Sent {
        let sending: Sending
        let index: Int
        var isReturned = false

        var publishing: AMQPPublishing { sending.call.publishings[index] }
    }

    /// A topic that is known on this connection.
    private final class Target {
        let layout: Layout
        let exchange: LentText
        let routingKey: LentText

        init(_ layout: Layout) {
            self.layout = layout
            exchange = LentText(layout.exchange.name)
            routingKey = LentText(layout.routingKey)
        }
    }

    private let queue: PublishQueue
    private let topology: AMQPTopology
    private let options: AMQPPublisher.Options
    private let monitor: ConnectionMonitor
    private let meter: PublisherMeter?
    private let logger: Logger

    /// Calls in the order in which they came, those that are sent included, until they are over.
    private var calls = Deque<Sending>()
    /// How many of `calls`, from the end, are not sent completely.
    private var unsent = Deque<Sending>()
    private var ledger = ConfirmLedger<Sent>()
    private var unconfirmedBytes = 0
    private var targets: [Topic: Target] = [:]
    private var reader = ContentReader(limit: 1 << 30)
    private let pool = NativePool()
    private var isOpen = false
    private var isDeclaringOpen = false
    private var blockedSince: MonotonicTime?
    private var lastConfirm = MonotonicTime.now()
    /// How often the broker has closed the channel since it confirmed something.
    private var closures = 0
    private var problem: AMQPError?

    init(
        _ queue: PublishQueue, topology: AMQPTopology, options: AMQPPublisher.Options, monitor: ConnectionMonitor,
        meter: PublisherMeter?, logger: Logger
    ) {
        self.queue = queue
        self.topology = topology
        self.options = options
        self.monitor = monitor
        self.meter = meter
        self.logger = logger
    }

    // MARK: Without a connection

    var isStopping: Bool { queue.closing != nil }

    func rest() -> MonotonicTime? {
        takeCalls()
        if isStopping {
            failAll(ClosedError("amqp publisher"))
            return nil
        }
        if let problem, problem.needsPerson { failAll(problem) }
        return expire(.now())
    }

    func disconnected(_ error: AMQPError) {
        problem = error
        let lost = Self.transient(error, .connectionLost)
        abandon { _ in lost }
    }

    /// Whatever ended a connection or channel is no fault of the other messages that were under way.
    private static func transient(_ error: AMQPError, _ code: AMQPError.Code) -> AMQPError {
        error.disposition == .retry() ? error : AMQPError(code, error.detail)
    }

    /// What was sent and not confirmed may have been taken or not: its callers decide.
    private func abandon(_ reason: (Sending) -> AMQPError) {
        for sent in ledger.removeAll() where !sent.sending.call.isFinished {
            sent.sending.failed.append(sent.sending.call.messages[sent.index].id)
            sent.sending.problem = sent.sending.problem ?? reason(sent.sending)
            sent.sending.unconfirmed -= 1
        }
        for sending in calls where sending.next > 0 && !sending.call.isFinished {
            sending.failed += sending.call.messages[sending.next...].map(\.id)
            sending.next = sending.call.messages.count
            finish(sending, reason(sending))
        }
        unsent.removeAll { $0.isSent || $0.call.isFinished }
        unconfirmedBytes = 0
        isOpen = false
        isDeclaringOpen = false
        blockedSince = nil
        meter?.unconfirmed(0)
    }

    private func failAll(_ error: any Error) {
        for sending in calls { sending.call.finish(error) }
        calls = []
        unsent = []
    }

    // MARK: With a connection

    func serve(_ link: Link) throws(AMQPError) {
        problem = nil
        lastConfirm = .now()
        closures = 0
        link.delegate = self
        targets = [:]
        reader = ContentReader(limit: 1 << 30)
        while true {
            if !isOpen {
                try link.openChannel(Self.publishing)
                try link.selectConfirms(on: Self.publishing)
                isOpen = true
            }
            takeCalls()
            let now = MonotonicTime.now()
            var next = expire(now)
            if let closing = queue.closing {
                if calls.isEmpty || now >= closing {
                    failAll(ClosedError("amqp publisher"))
                    _ = ledger.removeAll()
                    link.close(within: min(.seconds(2), options.closeTimeout))
                    return
                }
                next = min(closing, next ?? closing)
            }
            if blockedSince == nil {
                try send(link)
                if ledger.isEmpty {
                    lastConfirm = now
                } else if now.nanoseconds(since: lastConfirm) / 2 > options.publishTimeout.wholeNanoseconds {
                    throw AMQPError(.connectionLost, "the broker answers and confirms nothing")
                }
            }
            meter?.unconfirmed(ledger.count)
            let count = ledger.count
            try link.turn(until: next)
            if ledger.count < count { lastConfirm = now }
        }
    }

    private func takeCalls() {
        for call in queue.takeAll() where !call.isFinished {
            let sending = Sending(call, deadline: call.start.advanced(by: options.publishTimeout))
            calls.append(sending)
            unsent.append(sending)
        }
        while let first = calls.first, first.call.isFinished { calls.removeFirst() }
    }

    /// Fails the calls whose time is over.
    /// - Returns: when the next one's is.
    private func expire(_ now: MonotonicTime) -> MonotonicTime? {
        // A broker that has said that it takes nothing is waited for.
        if blockedSince != nil { return nil }
        while let first = calls.first {
            if first.call.isFinished {
                calls.removeFirst()
                continue
            }
            guard first.deadline <= now else { return first.deadline }
            calls.removeFirst()
            let seconds = options.publishTimeout.inSeconds
            let error =
                problem.map { AMQPError(.unreachable, "no broker was to be had within \(seconds) s: \($0.detail)") }
                ?? AMQPError(.timedOut, "the broker confirmed nothing within \(seconds) s")
            first.failed += first.call.messages[first.next...].map(\.id)
            finish(first, error)
        }
        return nil
    }

    /// - Parameter error: for what is not confirmed; the call's own first problem wins.
    private func finish(_ sending: Sending, _ error: AMQPError? = nil) {
        guard let problem = sending.problem ?? error else { return sending.call.finish() }
        var notAccepted = sending.failed
        if sending.unconfirmed > 0 {
            let known = Set(notAccepted)
            notAccepted += unconfirmed(sending).filter { !known.contains($0) }
        }
        meter?.failed(problem, count: notAccepted.count)
        sending.call.finish(PublishError(notAccepted: notAccepted, underlying: problem))
    }

    private func unconfirmed(_ sending: Sending) -> [MessageID] {
        var ids: [MessageID] = []
        ledger.changeAll { sent in
            if sent.sending === sending { ids.append(sending.call.messages[sent.index].id) }
        }
        return ids
    }

    // MARK: Sending

    private func send(_ link: Link) throws(AMQPError) {
        while let sending = unsent.first {
            guard !sending.call.isFinished else {
                unsent.removeFirst()
                continue
            }
            guard let target = try target(of: sending, link) else { continue }
            while !sending.isSent {
                // The broker may have said so while it was asked for the topic.
                guard blockedSince == nil, ledger.count < options.maxUnconfirmed,
                    unconfirmedBytes < options.maxUnconfirmedBytes,
                    link.wire.backlog < 1 << 20
                else { return }
                try send(sending, target, link)
            }
            unsent.removeFirst()
            if sending.unconfirmed == 0 { finish(sending) }
        }
    }

    private func send(_ sending: Sending, _ target: Target, _ link: Link) throws(AMQPError) {
        let index = sending.next
        let publishing = sending.call.publishings[index]
        sending.next += 1
        guard publishing.properties.size <= link.wire.frameMax - 64 else {
            let id = sending.call.messages[index].id
            sending.failed.append(id)
            sending.problem =
                sending.problem
                ?? AMQPError(
                    .tooLarge, "message \(id) has more metadata than a frame of \(link.wire.frameMax) bytes holds")
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
        ledger.append(Sent(sending: sending, index: index))
        sending.unconfirmed += 1
        unconfirmedBytes += publishing.body.count
    }

    /// Makes sure that what stands for the call's topic exists.
    /// - Returns: nil when it does not and the call has failed.
    private func target(of sending: Sending, _ link: Link) throws(AMQPError) -> Target? {
        let topic = sending.call.topic
        if let target = targets[topic] { return target }
        do throws(AMQPError) {
            let target = Target(try Layout(topology, topic, group: nil, unique: "publisher"))
            if !isDeclaringOpen {
                try link.openChannel(Self.declaring)
                isDeclaringOpen = true
            }
            try link.declare(target.layout, topology.publisherDeclares, on: Self.declaring)
            targets[topic] = target
            return target
        } catch {
            if let failure = link.failure { throw failure }
            // The broker has closed the channel with its answer.
            isDeclaringOpen = false
            logger.warning("a topic could not be declared", metadata: ["topic": "\(topic)", "error": "\(error)"])
            unsent.removeAll { $0 === sending }
            sending.failed += sending.call.messages[sending.next...].map(\.id)
            finish(sending, error)
            return nil
        }
    }

    // MARK: Receiving

    func received(_ frame: Frame) throws(AMQPError) {
        switch frame {
        case .method(Self.publishing, Method.basicAck, let arguments):
            let ack = arguments.assumingMemoryBound(to: amqp_basic_ack_t.self).pointee
            let isKnown = ledger.confirm(ack.delivery_tag, multiple: ack.multiple != 0) { confirmed($0, nil) }
            if !isKnown { throw Self.unknownConfirm }
        case .method(Self.publishing, Method.basicNack, let arguments):
            let nack = arguments.assumingMemoryBound(to: amqp_basic_nack_t.self).pointee
            let isKnown = ledger.confirm(nack.delivery_tag, multiple: nack.multiple != 0) { sent in
                let id = sent.sending.call.messages[sent.index].id
                confirmed(sent, AMQPError(.refused, "the broker did not take message \(id)"))
            }
            if !isKnown { throw Self.unknownConfirm }
        case .method(let channel, Method.basicReturn, let arguments):
            try reader.begin(arguments.assumingMemoryBound(to: amqp_basic_return_t.self).pointee, on: channel)
        case .header(let channel, let size, let properties, let raw):
            if let content = try reader.head(size, properties, raw, on: channel) { returned(content) }
        case .body(let channel, let piece):
            if let content = try reader.body(piece, on: channel) { returned(content) }
        default: break
        }
    }

    /// The broker's count and this one have gone apart: nothing that it confirms can be believed.
    private static let unknownConfirm = AMQPError(
        .malformed, "the broker confirmed a message that does not wait for it")

    private func confirmed(_ sent: Sent, _ error: AMQPError?) {
        let sending = sent.sending
        unconfirmedBytes -= sent.publishing.body.count
        closures = 0
        sending.unconfirmed -= 1
        if let error = error ?? (sent.isReturned ? unroutable(sent) : nil) {
            sending.failed.append(sending.call.messages[sent.index].id)
            sending.problem = sending.problem ?? error
        }
        if sending.unconfirmed == 0, sending.isSent, !sending.call.isFinished { finish(sending) }
    }

    private func unroutable(_ sent: Sent) -> AMQPError {
        let id = sent.sending.call.messages[sent.index].id
        let layout = targets[sent.sending.call.topic]?.layout
        // Somebody may have deleted the queue: it is declared again before the next message.
        targets[sent.sending.call.topic] = nil
        let place =
            layout.map { layout in
                layout.exchange.name.isEmpty
                    ? "there is no queue \(layout.routingKey)"
                    : "exchange \(layout.exchange.name) has no queue for the routing key \"\(layout.routingKey)\""
            } ?? "no queue takes what is published to \(sent.sending.call.topic)"
        return AMQPError(.unroutable, "message \(id) came back: \(place)")
    }

    /// A message came back; its confirm follows. It has no number: its like is looked for among what is unconfirmed,
    /// and where there is none everything that went the same way counts as returned.
    private func returned(_ content: ContentReader.Content) {
        guard case .returned = content.announcement else { return }
        meter?.returned()
        let isFound = ledger.change { sent in
            guard !sent.isReturned, sent.publishing.body == content.body,
                sent.publishing.properties == content.properties
            else { return false }
            sent.isReturned = true
            return true
        }
        guard !isFound else { return }
        let (exchange, routingKey) = (content.exchange, content.routingKey)
        let targets = targets
        ledger.changeAll { sent in
            guard let layout = targets[sent.sending.call.topic]?.layout, layout.exchange.name == exchange,
                layout.routingKey == routingKey
            else { return }
            sent.isReturned = true
        }
    }

    func channelClosed(_ channel: UInt16, _ error: AMQPError) throws(AMQPError) {
        switch channel {
        case Self.publishing:
            logger.warning("the broker closed the channel", metadata: ["error": "\(error)"])
            meter?.failed(error, count: 1)
            reader.forget(channel)
            let (blocked, declaring) = (blockedSince, isDeclaringOpen)
            let others = Self.transient(error, .channelClosed)
            abandon { sending in
                let exchange = targets[sending.call.topic]?.layout.exchange.name
                let isNamed = exchange.map { error.detail.contains("exchange '\($0.isEmpty ? "amq.default" : $0)'") }
                return isNamed == true ? error : others
            }
            targets = [:]
            (blockedSince, isDeclaringOpen) = (blocked, declaring)
            // What closes every channel may not do so on another connection, which is waited for.
            if error.code == .channelClosed { closures += 1 }
            if closures >= 3 { throw others }
        case Self.declaring: isDeclaringOpen = false
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
            // The time in which nothing could be done is nobody's.
            let pause = Duration.nanoseconds(Int64(clamping: MonotonicTime.now().nanoseconds(since: since)))
            for sending in calls { sending.deadline = sending.deadline.advanced(by: pause) }
        }
    }
}
