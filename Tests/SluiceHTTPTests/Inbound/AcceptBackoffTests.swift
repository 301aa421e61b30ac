import Glibc
import Logging
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import SluiceHTTP

@Suite struct AcceptBackoffTests {
    /// Counts the reads that reach the socket.
    private final class Reads: ChannelOutboundHandler, Sendable {
        typealias OutboundIn = Never
        let count = Atomic<Int>(0)

        func read(context: ChannelHandlerContext) {
            count.add(1, ordering: .relaxed)
        }
    }

    @Test func withoutDescriptorsItPausesAndGoesOn() throws {
        let reads = Reads()
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let channel = EmbeddedChannel(handlers: [reads, AcceptBackoff(logger: quiet)])
        channel.read()
        #expect(reads.count.load(ordering: .relaxed) == 1)
        channel.pipeline.fireErrorCaught(IOError(errnoCode: EMFILE, reason: "accept"))
        // On a real socket this ends the interest in reading, which an error leaves as it was.
        #expect(
            channel.options.compactMap { $0.option is ChannelOptions.Types.AutoReadOption ? $0.value as? Bool : nil }
                == [false])
        channel.read()
        #expect(reads.count.load(ordering: .relaxed) == 1)
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(100))
        #expect(
            channel.options.compactMap {
                $0.option is ChannelOptions.Types.AutoReadOption ? $0.value as? Bool : nil
            } == [true])
        #expect(reads.count.load(ordering: .relaxed) == 2)
        channel.pipeline.fireErrorCaught(IOError(errnoCode: ECONNABORTED, reason: "accept"))
        channel.read()
        #expect(reads.count.load(ordering: .relaxed) == 3)
        try channel.throwIfErrorCaught()
        channel.pipeline.fireErrorCaught(IOError(errnoCode: EBADF, reason: "accept"))
        #expect(throws: IOError.self) { try channel.throwIfErrorCaught() }
    }

    @Test func beyondItsNumberConnectionsWaitInTheSystemsQueue() throws {
        let reads = Reads()
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let channel = EmbeddedChannel(handlers: [reads, AcceptBackoff(most: 2, logger: quiet)])
        let connections = [EmbeddedChannel(), EmbeddedChannel()]
        for connection in connections {
            channel.read()
            channel.pipeline.syncOperations.fireChannelRead(NIOAny(connection as any Channel))
        }
        channel.read()
        #expect(reads.count.load(ordering: .relaxed) == 2)
        connections[0].close(promise: nil)
        connections[0].embeddedEventLoop.run()
        channel.embeddedEventLoop.run()
        #expect(reads.count.load(ordering: .relaxed) == 3)
        connections[1].close(promise: nil)
        connections[1].embeddedEventLoop.run()
        channel.embeddedEventLoop.run()
        #expect(reads.count.load(ordering: .relaxed) == 3)
    }
}
