import NIOCore
import NIOHTTP1
import Sluice

/// One connection, from the parser's parts to complete answers. It lives on its event loop.
///
/// Requests are answered in order, one at a time: while one waits, what the parser makes of further bytes stays in the
/// backlog, and as soon as something is there nothing more is read. Short requests are authenticated and offered right here, so
/// that on the way to the consumer a request crosses threads once, and once on the way back.
final class InboundConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    /// What the parser found.
    enum Piece {
        case part(HTTPServerRequestPart)
        case unreadable(status: Int, text: String)
    }

    enum Phase {
        /// Between requests.
        case idle
        /// The head was read, the body is coming.
        case reading
        /// The request is complete and waits for its answer.
        case waiting
        /// The last answer is written; what the client still sends is thrown away, so that it can read the answer.
        case lingering
        case closed
    }

    let shared: InboundShared
    /// Work that takes too long for the event loop goes to the connection's task.
    let jobs: AsyncStream<InboundJob>.Continuation
    var context: ChannelHandlerContext?
    var settler: InboundSettler?

    /// Lives as long as the connection.
    private(set) var connection = HTTPConnection(peer: nil)
    /// Tells other connections whether this one may be closed to make room.
    let standing: ConnectionStanding

    var phase = Phase.idle
    var exchange: Exchange?
    /// Counts the requests of this connection, so that a late settlement finds no other request.
    var tag: UInt64 = 0
    var draining = false
    var inputEnded = false
    var encoder = ResponseEncoder()

    private var counted = false
    private var backlog: [Piece] = []
    /// An answer may come while the backlog is being handled, and asks for it again.
    private var handlingBacklog = false
    private var readHeld = false
    /// Whether the parser produced anything since the last complete read: bytes without parts are half a head.
    private var sawPart = false
    /// When the first bytes of a head came that did not come whole.
    var headBegan: NIODeadline?

    var deadline = NIODeadline.distantFuture
    var timer: Scheduled<Void>?
    var timerAt = NIODeadline.distantFuture

    init(shared: InboundShared, standing: ConnectionStanding, jobs: AsyncStream<InboundJob>.Continuation) {
        self.shared = shared
        self.standing = standing
        self.jobs = jobs
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        settler = InboundSettler(self, on: context.eventLoop)
        if context.channel.isActive { begin() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        begin()
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        sawPart = true
        receive(.part(unwrapInboundIn(data)))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if !sawPart, phase == .idle, headBegan == nil {
            let now = NIODeadline.now()
            headBegan = now
            standing.isReading(since: now)
            expire(at: now + shared.requestTimeout)
        }
        sawPart = false
        context.fireChannelReadComplete()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case HTTPParserError.headerOverflow:
            receive(.unreadable(status: 431, text: "the head of the request is too large"))
        case HTTPParserError.invalidEOFState:
            inputDidEnd()
        case is HTTPParserError:
            receive(.unreadable(status: 400, text: "the request is not valid HTTP/1.1"))
        case is ByteToMessageDecoderError:
            // More bytes after those that made no sense.
            break
        default:
            close()
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            drain()
        } else {
            if let event = event as? ChannelEvent, event == .inputClosed { inputDidEnd() }
            context.fireUserInboundEventTriggered(event)
        }
    }

    /// Held back when the next request is here already, or the client does not take what is written to it. Not as
    /// soon as an answer is due: taking the socket out of the selector and back costs two system calls a request.
    func read(context: ChannelHandlerContext) {
        if !backlog.isEmpty || !context.channel.isWritable {
            readHeld = true
        } else {
            context.read()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        resumeReading()
        context.fireChannelWritabilityChanged()
    }

    // MARK: Pieces

    private func receive(_ piece: Piece) {
        if phase == .waiting || !backlog.isEmpty {
            backlog.append(piece)
        } else {
            handle(piece)
        }
    }

    private func handle(_ piece: Piece) {
        switch (phase, piece) {
        case (.idle, .part(.head(let head))): handle(head: head)
        case (.reading, .part(.body(let bytes))): handle(body: bytes)
        case (.reading, .part(.end)): handleEnd()
        case (.idle, .unreadable(let status, let text)), (.reading, .unreadable(let status, let text)):
            // After a message without an end the connection cannot go on.
            answerAndLeave(.error(status, text))
        case (.lingering, .part(.end)): close()
        default: break
        }
    }

    /// Goes on with what came behind the request that has just been answered.
    func handleBacklog() {
        guard !handlingBacklog else { return }
        handlingBacklog = true
        var done = 0
        while done < backlog.count, phase != .waiting {
            handle(backlog[done])
            done += 1
        }
        handlingBacklog = false
        backlog.removeFirst(min(done, backlog.count))
        if phase == .idle, backlog.isEmpty, inputEnded { return close() }
        resumeReading()
    }

    private func resumeReading() {
        guard readHeld, backlog.isEmpty, let context, context.channel.isWritable else { return }
        readHeld = false
        context.read()
    }

    // MARK: The life of the connection

    private func begin() {
        guard !counted else { return }
        counted = true
        connection = HTTPConnection(peer: context?.remoteAddress?.ipAddress)
        if shared.openConnection() {
            standing.isIdle(since: .now())
            // Load balancers connect before they have a request.
            expire(in: shared.idleTimeout)
        } else {
            answerAndLeave(.unavailable("too many connections", retryAfter: .seconds(1)))
        }
    }

    private func inputDidEnd() {
        inputEnded = true
        switch phase {
        case .idle where backlog.isEmpty, .reading, .lingering: close()
        case .idle, .waiting, .closed: break
        }
    }

    private func drain() {
        draining = true
        switch phase {
        // A request may be on its way: it is told to go elsewhere instead of finding a closed connection.
        case .idle: expire(in: shared.drainLinger)
        case .reading: answerAndLeave(.shuttingDown)
        case .waiting, .lingering, .closed: break
        }
    }

    func timeout() {
        switch phase {
        case .idle where headBegan != nil:
            answerAndLeave(.error(408, "the request did not arrive in time"))
        case .reading:
            answerAndLeave(exchange?.verdict ?? .error(408, "the request did not arrive in time"))
        case .waiting:
            // A client that has closed its side may never have wanted the answer, and will not send it again for that.
            if !inputEnded { settler?.giveUp(tag) }
            answer(
                .unavailable(
                    "the message was not settled in time; it may still be handled",
                    retryAfter: exchange?.retryAfter ?? .seconds(1)))
        case .idle, .lingering, .closed:
            close()
        }
    }

    func close() {
        context?.close(promise: nil)
    }

    private func end() {
        guard phase != .closed else { return }
        phase = .closed
        finishExchange(status: 499, sent: 0)
        tag &+= 1
        backlog = []
        timer?.cancel()
        timer = nil
        jobs.finish()
        settler = nil
        if counted { shared.closeConnection() }
    }
}

extension HTTPInboundResponse {
    static let shuttingDown = HTTPInboundResponse.unavailable("the server is shutting down", retryAfter: .seconds(1))
}
