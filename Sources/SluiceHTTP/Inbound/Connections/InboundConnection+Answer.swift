import NIOCore
import NIOHTTP1
import Sluice

extension InboundConnection {
    /// Answers a request that was read completely.
    func answer(_ response: HTTPInboundResponse) {
        let keep =
            !draining && !inputEnded
            && (exchange.map { $0.head.isKeepAlive && $0.head.version != .http1_0 && !$0.framing.upgrade } ?? false)
        guard keep else { return answerAndLeave(response, everythingRead: true) }
        let now = NIODeadline.now()
        // Before the client can know: a client that has its answer later has been idle for less long.
        standing.isIdle(since: now)
        send(response, close: false)
        // A write that fails ends the connection before it returns.
        guard phase != .closed else { return }
        phase = .idle
        tag &+= 1
        expire(at: now + shared.idleTimeout)
        handleBacklog()
    }

    /// Answers, and ends the connection. A client that is still sending gets two seconds to notice: closing at once
    /// would reset the connection, and the answer would be lost with it.
    func answerAndLeave(_ response: HTTPInboundResponse, everythingRead: Bool = false) {
        guard phase != .lingering, phase != .closed else { return }
        standing.isIdle(since: .now())
        let sent = send(response, close: true)
        guard phase != .closed else { return }
        phase = .lingering
        tag &+= 1
        guard let context else { return }
        if everythingRead || inputEnded {
            let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
            sent?.futureResult.whenComplete { _ in connection.value.close() }
        } else {
            context.close(mode: .output, promise: nil)
        }
        expire(in: .seconds(2))
        handleBacklog()
    }

    /// - Returns: kept when the answer has been handed to the system; nil where that is of no interest.
    @discardableResult
    private func send(_ response: HTTPInboundResponse, close: Bool) -> EventLoopPromise<Void>? {
        guard let context else { return nil }
        let buffer = encoder.encode(
            response, close: close, headOnly: exchange?.head.method == .HEAD, allocator: context.channel.allocator)
        let status = response.status
        if exchange == nil {
            // Nothing of this request could be read.
            shared.unmatched(
                HTTPExchange(
                    method: "other", status: status, duration: .zero, receivedBytes: 0,
                    sentBytes: buffer.readableBytes))
        } else {
            finishExchange(status: status, sent: buffer.readableBytes)
        }
        let promise = close ? context.eventLoop.makePromise(of: Void.self) : nil
        write(buffer, promise: promise)
        return promise
    }

    func write(_ buffer: ByteBuffer, promise: EventLoopPromise<Void>? = nil) {
        context?.writeAndFlush(wrapOutboundOut(buffer), promise: promise)
    }

    /// Gives back what the request held, and tells the observer.
    func finishExchange(status: Int, sent: Int) {
        guard let exchange else { return }
        self.exchange = nil
        if exchange.reserved > 0 { shared.release(exchange.reserved) }
        if exchange.counted { shared.closeRequest() }
        let duration = NIODeadline.now() - exchange.started
        let observe = exchange.route?.observe ?? shared.unmatched
        observe(
            HTTPExchange(
                method: Self.label(exchange.head.method), status: status,
                duration: .nanoseconds(duration.nanoseconds), receivedBytes: exchange.received, sentBytes: sent,
                traceID: exchange.span?.traceID))
        exchange.span?.end(status: status)
    }

    private static func label(_ method: HTTPMethod) -> String {
        switch method {
        case .GET: "GET"
        case .HEAD: "HEAD"
        case .POST: "POST"
        case .PUT: "PUT"
        case .PATCH: "PATCH"
        case .DELETE: "DELETE"
        case .OPTIONS: "OPTIONS"
        default: "other"
        }
    }

    // MARK: The deadline

    func expire(in amount: TimeAmount) {
        expire(at: .now() + amount)
    }

    /// One timer serves all the deadlines of a connection: it is only moved when it would fire too late. One that
    /// fires too early looks at the deadline and sleeps on.
    func expire(at deadline: NIODeadline) {
        self.deadline = deadline
        if deadline < timerAt {
            timer?.cancel()
            schedule(at: deadline)
        }
    }

    private func schedule(at deadline: NIODeadline) {
        guard let context, phase != .closed else { return }
        timerAt = deadline
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in self?.fire() }
    }

    private func fire() {
        timer = nil
        timerAt = .distantFuture
        guard phase != .closed else { return }
        if deadline <= .now() {
            deadline = .distantFuture
            timeout()
        } else if deadline != .distantFuture {
            schedule(at: deadline)
        }
    }
}
