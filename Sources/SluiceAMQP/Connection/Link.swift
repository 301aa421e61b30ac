import CRabbitMQ
import Sluice

/// What a link tells its user. Called on the link's thread; nothing in it may ask the link for an answer.
protocol LinkDelegate: AnyObject {
    /// A frame of a channel that answers no request.
    func received(_ frame: Frame) throws(AMQPError)
    /// The broker has closed a channel.
    func channelClosed(_ channel: UInt16, _ error: AMQPError) throws(AMQPError)
    /// - Parameter reason: why the broker takes no messages any more; nil when it takes them again.
    func blocked(_ reason: String?)
}

/// A connection that has let this program in: requests and their answers, heartbeats, and whatever else comes.
///
/// One thread owns it. It waits in `poll` alone, and only there.
final class Link {
    let host: AMQPConfiguration.Host
    let wire: any Wire
    weak var delegate: (any LinkDelegate)?
    /// Set once nothing more can be done with it.
    private(set) var failure: AMQPError?
    private(set) var channelMax: UInt16

    private let signal: PollSignal
    private let requestTimeout: Duration
    private let heartbeat: Duration
    /// No channel above it was ever opened.
    private var highestChannel: UInt16 = 0
    private var nextHeartbeat: MonotonicTime
    private var lastReceived = MonotonicTime.now()
    /// Whether the signal may have been raised since the last turn, unseen by the link's user.
    private var hasWaited = false

    /// Takes over a connection on which the handshake is done.
    init(
        _ wire: any Wire, _ host: AMQPConfiguration.Host, signal: PollSignal, requestTimeout: Duration,
        limits: Handshake.Limits
    ) {
        self.wire = wire
        self.host = host
        self.signal = signal
        self.requestTimeout = requestTimeout
        channelMax = limits.channelMax
        heartbeat = limits.heartbeat
        nextHeartbeat = .now()
    }

    // MARK: Waiting

    /// Sends what there is, waits until something arrives, the signal is raised or the deadline passes, and passes on
    /// what has arrived.
    func turn(until deadline: MonotonicTime?) throws(AMQPError) {
        do {
            // An answer that was waited for may have come with more than itself.
            if try dispatchAll() == 0, !hasWaited {
                try wait(until: deadline)
                try dispatchAll()
            } else {
                try wait(until: .now())
            }
            hasWaited = false
        } catch {
            throw fail(error)
        }
    }

    /// Passes on what has arrived.
    /// - Returns: how many frames that were.
    @discardableResult
    private func dispatchAll() throws(AMQPError) -> Int {
        var count = 0
        // What others want of this thread is not kept waiting by a broker that has much to say.
        while count < 2_048, let frame = try wire.next() {
            try dispatch(frame)
            count += 1
        }
        return count
    }

    private func wait(until deadline: MonotonicTime?) throws(AMQPError) {
        try wire.flush()
        var deadline = deadline ?? MonotonicTime(nanoseconds: .max)
        if heartbeat > .zero { deadline = min(deadline, nextHeartbeat) }
        let ready = signal.wait(
            for: wire.socket, writing: wire.wantsToWrite,
            until: deadline.nanoseconds == .max ? nil : deadline)
        if ready.canRead { wire.noteReadable() }
        guard heartbeat > .zero else { return }
        let now = MonotonicTime.now()
        if ready.canRead { lastReceived = now }
        if now >= nextHeartbeat {
            guard now < lastReceived.advanced(by: heartbeat * 2) else {
                throw AMQPError(.connectionLost, "nothing was heard of the broker for two heartbeats")
            }
            // A broker that does not read needs no more of them.
            if !wire.wantsToWrite { try wire.sendHeartbeat() }
            try wire.flush()
            nextHeartbeat = now.advanced(by: heartbeat / 2)
        }
    }

    private func dispatch(_ frame: Frame) throws(AMQPError) {
        switch frame {
        case .heartbeat: break
        case .method(0, let id, let arguments): try takeConnectionMethod(id, arguments)
        case .method(let channel, _, _) where channel > highestChannel,
            .header(let channel, _, _, _) where channel > highestChannel || channel == 0,
            .body(let channel, _) where channel > highestChannel || channel == 0:
            throw AMQPError(.malformed, "what the broker sent cannot be read: channel \(channel) is not open")
        case .method(let channel, Method.channelClose, let arguments):
            let error = try answerChannelClose(channel, arguments)
            try delegate?.channelClosed(channel, error)
        case .method(let channel, Method.channelFlow, let arguments):
            let active = arguments.assumingMemoryBound(to: amqp_channel_flow_t.self).pointee.active
            try wire.send(Method.channelFlowOk, on: channel, amqp_channel_flow_ok_t(active: active))
        default: try delegate?.received(frame)
        }
    }

    private func takeConnectionMethod(_ id: UInt32, _ arguments: UnsafeMutableRawPointer) throws(AMQPError) {
        switch id {
        case Method.connectionClose:
            let close = arguments.assumingMemoryBound(to: amqp_connection_close_t.self).pointee
            let error = AMQPError(
                .connectionClosed, "the broker closed the connection: \(close.reply_text.text) (\(close.reply_code))")
            try? wire.send(Method.connectionCloseOk, on: 0, amqp_connection_close_ok_t())
            try? wire.flush()
            throw error
        case Method.connectionBlocked:
            delegate?.blocked(arguments.assumingMemoryBound(to: amqp_connection_blocked_t.self).pointee.reason.text)
        case Method.connectionUnblocked: delegate?.blocked(nil)
        default: throw AMQPError(.malformed, "what the broker sent cannot be read: it has no place on channel 0")
        }
    }

    private func answerChannelClose(
        _ channel: UInt16, _ arguments: UnsafeMutableRawPointer
    ) throws(AMQPError) -> AMQPError {
        let close = arguments.assumingMemoryBound(to: amqp_channel_close_t.self).pointee
        let error = AMQPError(replyCode: close.reply_code, text: close.reply_text.text, closing: .channelClosed)
        try wire.send(Method.channelCloseOk, on: channel, amqp_channel_close_ok_t())
        return error
    }

    // MARK: Asking

    /// Sends a request and waits for its answer, passing on whatever else arrives.
    /// - Parameter read: reads the answer's arguments, which are lent.
    /// - Throws: when the broker closes the channel instead, its reason; the channel is then gone, and the link is not
    ///   unless ``failure`` is set.
    @discardableResult
    func request<Arguments, Answer>(
        _ method: UInt32, on channel: UInt16, _ arguments: Arguments, answer: UInt32, within timeout: Duration? = nil,
        _ read: (UnsafeMutableRawPointer) -> Answer
    ) throws(AMQPError) -> Answer {
        do {
            try wire.send(method, on: channel, arguments)
        } catch {
            throw fail(error)
        }
        let deadline = MonotonicTime.now().advanced(by: timeout ?? requestTimeout)
        while true {
            let frame: Frame?
            do throws(AMQPError) {
                frame = try wire.next()
                if frame == nil {
                    guard MonotonicTime.now() < deadline else {
                        throw AMQPError(.timedOut, "the broker did not answer a request in time")
                    }
                    try wait(until: deadline)
                    hasWaited = true
                }
            } catch {
                throw fail(error)
            }
            switch frame {
            case .method(channel, answer, let arguments)?: return read(arguments)
            case .method(channel, Method.channelClose, let arguments)? where channel != 0:
                let error: AMQPError
                do throws(AMQPError) {
                    error = try answerChannelClose(channel, arguments)
                } catch {
                    throw fail(error)
                }
                throw error
            case let frame?:
                do {
                    try dispatch(frame)
                } catch {
                    throw fail(error)
                }
            case nil: break
            }
        }
    }

    func request<Arguments>(
        _ method: UInt32, on channel: UInt16, _ arguments: Arguments, answer: UInt32, within timeout: Duration? = nil
    ) throws(AMQPError) {
        try request(method, on: channel, arguments, answer: answer, within: timeout) { _ in }
    }

    func openChannel(_ channel: UInt16) throws(AMQPError) {
        highestChannel = max(highestChannel, channel)
        try request(
            Method.channelOpen, on: channel, amqp_channel_open_t(out_of_band: amqp_bytes_t()),
            answer: Method.channelOpenOk)
    }

    func closeChannel(_ channel: UInt16) throws(AMQPError) {
        try request(
            Method.channelClose, on: channel,
            amqp_channel_close_t(reply_code: 200, reply_text: amqp_bytes_t(), class_id: 0, method_id: 0),
            answer: Method.channelCloseOk)
    }

    /// Says goodbye, so that the broker has taken in everything that was sent before.
    func close(within timeout: Duration) {
        guard failure == nil else { return }
        let goodbye = amqp_connection_close_t(reply_code: 200, reply_text: amqp_bytes_t(), class_id: 0, method_id: 0)
        try? request(Method.connectionClose, on: 0, goodbye, answer: Method.connectionCloseOk, within: timeout)
        _ = fail(AMQPError(.connectionLost, "closed"))
    }

    /// Nothing more can be done with this connection.
    private func fail(_ error: AMQPError) -> AMQPError {
        if let failure { return failure }
        failure = error
        wire.close()
        return error
    }
}
