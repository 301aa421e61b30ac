import Foundation
import Glibc
import Synchronization

@testable import SluiceTesting

/// A server on the loopback that speaks enough AMQP 0-9-1 to be taken for a broker, and goes wrong where a test wants
/// it to. It is gone with its last reference.
final class FakeAMQPServer: Sendable {
    /// When it does something else than a broker would.
    enum Moment: Hashable {
        /// The client has sent the protocol header.
        case header
        /// The client has sent this method: the numbers of its class and of itself.
        case method(UInt16, UInt16)
        /// The client has sent all of a message.
        case message

        static let startOk = method(10, 11)
        static let tuneOk = method(10, 31)
        static let open = method(10, 40)
        static let openChannel = method(20, 10)
        static let declareExchange = method(40, 10)
        static let declareQueue = method(50, 10)
        static let consume = method(60, 20)
        static let selectConfirms = method(85, 10)
    }

    /// What it does at such a moment.
    struct Act: Sendable {
        fileprivate let run: @Sendable (FakeAMQPConnection) -> Void

        /// Says nothing, then or ever, but keeps on reading.
        static let silence = Act { $0.isSilent = true }
        /// Hangs up.
        static let close = Act { $0.hangUp() }
        /// Hangs up so that the client is told by a reset.
        static let reset = Act { $0.hangUp(withReset: true) }

        /// Anything else.
        static func act(_ run: @escaping @Sendable (FakeAMQPConnection) -> Void) -> Act { Act(run: run) }

        /// Sends this instead of the answer, and goes on as before.
        static func send(_ bytes: [UInt8]) -> Act { Act { $0.send(bytes) } }

        /// Sends what `make` makes of the channel and the number of messages that came on it.
        static func reply(_ make: @escaping @Sendable (_ channel: UInt16, _ count: UInt64) -> [UInt8]) -> Act {
            Act { $0.send(make($0.channel, $0.published)) }
        }

        /// Answers as a broker would, then sends what `make` makes of the channel and the consumer's tag; only
        /// answers when it comes to that again.
        static func answer(then make: @escaping @Sendable (_ channel: UInt16, _ consumer: String) -> [UInt8]) -> Act {
            Act { connection in
                connection.answer()
                if connection.isFirst { connection.send(make(connection.channel, connection.consumer)) }
            }
        }

        /// As ``reply(_:)`` the first time, and as a broker afterwards.
        static func replyOnce(_ make: @escaping @Sendable (_ channel: UInt16) -> [UInt8]) -> Act {
            Act { connection in
                if connection.isFirst { connection.send(make(connection.channel)) } else { connection.answer() }
            }
        }

        func then(_ next: Act) -> Act {
            Act {
                run($0)
                next.run($0)
            }
        }
    }

    private struct State {
        var connections: [Int32: FakeAMQPConnection] = [:]
        var count = 0
        var isClosed = false
    }

    let port: UInt16
    private let listener: Int32
    private let state = Mutex(State())
    private let acts: [Moment: Act]
    private let spoiled: Int
    private let delivers: [UInt8]?

    /// - Parameters:
    ///   - acts: where it goes wrong.
    ///   - spoiled: on how many connections it does; afterwards it is a good broker.
    ///   - delivers: the body of the one message with which a good connection serves each consumer.
    init(_ acts: [Moment: Act] = [:], spoiled: Int = 1, delivers: [UInt8]? = nil) throws {
        (listener, port) = try TestSocket.listen(port: 0, backlog: 64)
        self.acts = acts
        self.spoiled = spoiled
        self.delivers = delivers
        let listener = listener
        Thread.detachNewThread { [weak self] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                guard let self else {
                    Glibc.close(descriptor)
                    return
                }
                self.serve(descriptor)
            }
        }
    }

    deinit {
        close()
    }

    var uri: String { "amqp://guest:guest@127.0.0.1:\(port)/" }

    /// How many connections it has taken.
    var connectionCount: Int { state.withLock(\.count) }

    /// Closes every connection, and takes no more.
    func close() {
        let connections = state.withLock { state -> [FakeAMQPConnection] in
            guard !state.isClosed else { return [] }
            state.isClosed = true
            shutdown(listener, Int32(SHUT_RDWR))
            Glibc.close(listener)
            return Array(state.connections.values)
        }
        for connection in connections { connection.shutDown() }
    }

    /// What the clients have sent as methods, over all connections.
    var methods: [Moment] { state.withLock { $0.connections.values.flatMap(\.methods) } }

    private func serve(_ descriptor: Int32) {
        TestSocket.set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
        let connection = state.withLock { state -> FakeAMQPConnection? in
            guard !state.isClosed else { return nil }
            state.count += 1
            let isSpoiled = state.count <= spoiled
            let connection = FakeAMQPConnection(
                descriptor, number: state.count, acts: isSpoiled ? acts.mapValues(\.run) : [:],
                delivers: delivers)
            state.connections[descriptor] = connection
            return connection
        }
        guard let connection else {
            Glibc.close(descriptor)
            return
        }
        Thread.detachNewThread { [weak self] in
            connection.serve()
            // The number may be another's as soon as it is closed.
            self?.state.withLock { _ = $0.connections.removeValue(forKey: descriptor) }
            Glibc.close(descriptor)
        }
    }
}
