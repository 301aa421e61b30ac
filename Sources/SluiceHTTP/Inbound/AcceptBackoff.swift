internal import Logging
internal import NIOCore
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Keeps the listening socket alive when `accept` fails for a reason that passes (accept(2)): it waits a moment
/// instead of passing the error on, after which nothing would be accepted any more.
final class AcceptBackoff: ChannelDuplexHandler, Sendable {
    typealias InboundIn = Never
    typealias OutboundIn = Never

    private static let pause = TimeAmount.milliseconds(100)
    private let logger: Logger
    private let paused = Atomic<Bool>(false)

    init(logger: Logger) {
        self.logger = logger
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
        if !paused.load(ordering: .relaxed) { context.read() }
    }

    private func pause(_ context: ChannelHandlerContext, _ code: CInt) {
        guard !paused.exchange(true, ordering: .relaxed) else { return }
        logger.warning(
            "cannot accept connections for a moment", metadata: ["error": "\(OpenFiles.text(ofErrno: code))"])
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.pause) { [self] in
            paused.store(false, ordering: .relaxed)
            bound.value.read()
        }
    }
}
