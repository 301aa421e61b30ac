import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import Sluice
import Synchronization

/// What Hummingbird's server does with each connection: parse HTTP/1.1, and give the requests to an
/// ``InboundConnection``.
struct InboundChannel: ServerChildChannel {
    let shared: InboundShared

    struct Value: ServerChildChannelValue {
        let channel: any Channel
        let jobs: AsyncStream<InboundJob>
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        guard let standing = shared.keep(channel) else {
            channel.close(promise: nil)
            return channel.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        return channel.eventLoop.makeCompletedFuture {
            var limits = NIOHTTPDecoderLimitConfiguration()
            limits.maxHeaderFieldSize = shared.configuration.maxHeaderBytes
            limits.maxHeaderListSize = shared.configuration.maxHeaderBytes
            limits.maxHeaderFieldCount = shared.configuration.maxHeaders
            let (jobs, continuation) = AsyncStream.makeStream(of: InboundJob.self)
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder(limitConfiguration: limits)))
            try pipeline.addHandler(InboundConnection(shared: shared, standing: standing, jobs: continuation))
            return Value(channel: channel, jobs: jobs)
        }
    }

    /// The connection's task: it lives as long as the connection and does what would hold up the event loop.
    func handle(value: Value, logger: Logger) async {
        await withTaskCancellationHandler {
            for await job in value.jobs { await job.run() }
            // Cancellation ends the stream before the connection.
            value.channel.close(promise: nil)
            try? await value.channel.closeFuture.get()
        } onCancel: {
            value.channel.close(promise: nil)
        }
    }
}

/// Work on one request away from the event loop.
struct InboundJob: Sendable {
    enum Result: Sendable {
        case deliver(Message, BodyReservation)
        case answer(HTTPInboundResponse)
    }

    let tag: UInt64
    let settler: InboundSettler
    let body: @Sendable () async -> Result

    func run() async {
        let result = await body()
        settler.finish(tag, result)
    }
}

/// Brings what happens on other threads back to the connection's event loop.
final class InboundSettler: Settler {
    private let connection: NIOLoopBound<InboundConnection>
    /// The last request that was answered before its message was settled: its client was told to send it again.
    private let lastGivenUp = Atomic<UInt64>(0)

    init(_ connection: InboundConnection, on eventLoop: any EventLoop) {
        self.connection = NIOLoopBound(connection, eventLoop: eventLoop)
    }

    /// A client that has only gone is no reason to drop what it sent: it may never have wanted the answer.
    func owns(_ tag: UInt64) -> Bool { lastGivenUp.load(ordering: .acquiring) < tag }

    func giveUp(_ tag: UInt64) {
        lastGivenUp.store(tag, ordering: .releasing)
    }

    func settle(_ tag: UInt64, _ settlement: Settlement) {
        connection.eventLoop.execute { [connection] in connection.value.settled(tag, settlement) }
    }

    func finish(_ tag: UInt64, _ result: InboundJob.Result) {
        connection.eventLoop.execute { [connection] in connection.value.finish(tag, result) }
    }
}
