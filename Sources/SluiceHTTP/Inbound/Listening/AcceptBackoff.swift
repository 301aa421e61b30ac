import Glibc
import Logging
import NIOCore
import Synchronization

/// Accepts connections as long as they can be borne.
///
/// When there are too many, further ones wait in the system's queue. When `accept` fails for a reason that passes
/// (accept(2)), it waits a moment instead of passing the error on, after which nothing would be accepted any more.
/// Meanwhile the event loop does not look at the socket, which stays readable: it would do nothing else.
final class AcceptBackoff: ChannelDuplexHandler, Sendable {
    typealias InboundIn = any Channel
    typealias OutboundIn = Never

    private static let pause = TimeAmount.milliseconds(100)
    /// How often room is made while connections wait.
    private static let interval = TimeAmount.milliseconds(50)
    private let most: Int
    private let makeRoom: @Sendable () -> Bool
    private let logger: Logger
    private let paused = Atomic<Bool>(false)
    private let told = Mutex<NIODeadline?>(nil)
    private let accepted = Atomic<Int>(0)
    /// Whether a read was held back because of their number.
    private let isFull = Atomic<Bool>(false)
    private let isBeating = Atomic<Bool>(false)

    /// - Parameters:
    ///   - most: how many connections may be open.
    ///   - makeRoom: closes one that can be spared, if there is any.
    init(most: Int = .max, makeRoom: @escaping @Sendable () -> Bool = { false }, logger: Logger) {
        self.most = most
        self.makeRoom = makeRoom
        self.logger = logger
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        accepted.add(1, ordering: .relaxed)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        unwrapInboundIn(data).closeFuture.whenComplete { [self] _ in
            accepted.subtract(1, ordering: .relaxed)
            guard isFull.load(ordering: .relaxed) else { return }
            bound.eventLoop.execute { [self] in
                if isFull.exchange(false, ordering: .relaxed) { read(context: bound.value) }
            }
        }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let failure = error as? IOError else { return context.fireErrorCaught(error) }
        switch failure.errnoCode {
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: pause(context, failure.errnoCode)
        case ECONNABORTED, EPROTO, EPERM, EINTR, EHOSTUNREACH, ENETDOWN, ENETUNREACH, EHOSTDOWN, ENOPROTOOPT: break
        default: context.fireErrorCaught(error)
        }
    }

    func read(context: ChannelHandlerContext) {
        if paused.load(ordering: .relaxed) { return }
        if accepted.load(ordering: .relaxed) >= most {
            isFull.store(true, ordering: .relaxed)
            // One may have closed in between without having seen that.
            guard accepted.load(ordering: .relaxed) < most, isFull.exchange(false, ordering: .relaxed) else {
                return beat(context)
            }
        }
        context.read()
    }

    /// No new connection comes that would make room: clients that send slowly, or not at all, must not keep others out.
    private func beat(_ context: ChannelHandlerContext) {
        guard !isBeating.exchange(true, ordering: .relaxed) else { return }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.interval) { [self] in
            isBeating.store(false, ordering: .relaxed)
            guard isFull.load(ordering: .relaxed), bound.value.channel.isActive else { return }
            _ = makeRoom()
            beat(bound.value)
        }
    }

    private func pause(_ context: ChannelHandlerContext, _ code: CInt) {
        guard !paused.exchange(true, ordering: .relaxed) else { return }
        // A warning a minute is enough.
        let isNews = told.withLock { told in
            let now = NIODeadline.now()
            if let last = told, now - last < .minutes(1) { return false }
            told = now
            return true
        }
        if isNews {
            logger.warning(
                "cannot accept connections for a moment", metadata: ["error": "\(OpenFiles.text(ofErrno: code))"])
        }
        // After an error the socket counts as to be read still: holding back further reads would not take it out of
        // the selector.
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.pause) { [self] in
            paused.store(false, ordering: .relaxed)
            try? bound.value.channel.syncOptions?.setOption(.autoRead, value: true)
            read(context: bound.value)
        }
    }
}
