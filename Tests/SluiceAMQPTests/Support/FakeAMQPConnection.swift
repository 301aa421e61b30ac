import Glibc
import Synchronization

@testable import SluiceTesting

/// One connection of a ``FakeAMQPServer``, served by one thread.
/// `@unchecked`: all but the list of methods is that thread's, and shutting down a socket is safe from any.
final class FakeAMQPConnection: @unchecked Sendable {
    /// Which of the server's connections it is, from 1.
    let number: Int
    private let descriptor: Int32
    private let acts: [FakeAMQPServer.Moment: @Sendable (FakeAMQPConnection) -> Void]
    private let delivers: [UInt8]?
    private let seen = Mutex<[FakeAMQPServer.Moment]>([])

    private var inbound: [UInt8] = []
    private var isOver = false
    var isSilent = false
    /// Whether this connection comes to its present moment for the first time.
    private(set) var isFirst = true
    private var moments: Set<FakeAMQPServer.Moment> = []
    /// The channel of what the client has sent last.
    private(set) var channel: UInt16 = 0
    /// The tag of the consumer that was asked for last.
    private(set) var consumer = ""
    private var counts: [UInt16: UInt64] = [:]
    private var moment = FakeAMQPServer.Moment.header
    /// How many bytes of a message's body are to come; nil when its header is.
    private var missing: UInt64?

    init(
        _ descriptor: Int32, number: Int, acts: [FakeAMQPServer.Moment: @Sendable (FakeAMQPConnection) -> Void],
        delivers: [UInt8]?
    ) {
        self.descriptor = descriptor
        self.number = number
        self.acts = acts
        self.delivers = delivers
    }

    var methods: [FakeAMQPServer.Moment] { seen.withLock { $0 } }
    /// How many messages have come on this channel.
    var published: UInt64 { counts[channel, default: 0] }

    func send(_ bytes: [UInt8]) {
        if !isSilent, !isOver { isOver = !TestSocket.sendAll(descriptor, bytes[...]) }
    }

    func hangUp(withReset: Bool = false) {
        if withReset { TestSocket.resetOnClose(descriptor) } else { shutDown() }
        isOver = true
    }

    func shutDown() {
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    /// Until either side is done.
    func serve() {
        guard let header = take(8), header.prefix(4) == Array("AMQP".utf8)[...] else { return }
        come(.header)
        while !isOver, let head = take(7) {
            let size = Int(integer(head[3...], 4))
            channel = UInt16(integer(head[1...], 2))
            guard let payload = take(size + 1), payload.last == 0xCE else { return }
            receive(head[0], Array(payload.dropLast()))
        }
    }

    private func receive(_ type: UInt8, _ payload: [UInt8]) {
        switch type {
        case 1:
            guard payload.count >= 4 else { return }
            let (family, method) = (UInt16(integer(payload, 2)), UInt16(integer(payload[2...], 2)))
            let moment = FakeAMQPServer.Moment.method(family, method)
            seen.withLock { $0.append(moment) }
            if moment == .consume { consumer = consumerTag(payload[4...]) }
            come(moment)
        case 2:
            missing = integer(payload[4...], 8)
            finishMessage()
        case 3:
            missing = missing.map { $0 - min($0, UInt64(payload.count)) }
            finishMessage()
        default: break
        }
    }

    private func finishMessage() {
        guard missing == 0 else { return }
        missing = nil
        counts[channel, default: 0] += 1
        come(.message)
    }

    private func come(_ moment: FakeAMQPServer.Moment) {
        self.moment = moment
        isFirst = moments.insert(moment).inserted
        if moment == .openChannel { counts[channel] = nil }
        if let act = acts[moment] { act(self) } else { answer() }
    }

    /// What a broker would say now.
    func answer() {
        switch moment {
        case .header: send(AMQPBytes.start())
        case .startOk: send(AMQPBytes.tune())
        case .open: reply(10, 41, [0])
        case .method(10, 50):
            reply(10, 51)
            hangUp()
        case .openChannel: reply(20, 11, [0, 0, 0, 0])
        case .method(20, 40): reply(20, 41)
        case .declareExchange: reply(40, 11)
        case .declareQueue: reply(50, 11, AMQPBytes.short("q") + [0, 0, 0, 0, 0, 0, 0, 0])
        case .method(50, 20): reply(50, 21)
        case .method(60, 10): reply(60, 11)
        case .consume:
            reply(60, 21, AMQPBytes.short(consumer))
            // Of one that was spoiled, the second consumer is served well.
            if let delivers, acts.isEmpty || !isFirst {
                send(AMQPBytes.delivery(channel, consumer: consumer, tag: 1, delivers))
            }
        case .method(60, 30): reply(60, 31, AMQPBytes.short(consumer))
        case .selectConfirms: reply(85, 11)
        case .message: reply(60, 80, AMQPBytes.big(published) + [0])
        case .method: break
        }
    }

    private func reply(_ family: UInt16, _ method: UInt16, _ arguments: [UInt8] = []) {
        send(AMQPBytes.method(family, method, channel: channel, arguments))
    }

    /// Behind a reserved number and the name of the queue; made up when the client leaves it to the server.
    private func consumerTag(_ arguments: ArraySlice<UInt8>) -> String {
        var rest = arguments.dropFirst(2)
        rest = rest.dropFirst(Int(rest.first ?? 0) + 1)
        let tag = String(decoding: rest.dropFirst().prefix(Int(rest.first ?? 0)), as: UTF8.self)
        return tag.isEmpty ? "made-up" : tag
    }

    private func integer(_ bytes: some Collection<UInt8>, _ width: Int) -> UInt64 {
        bytes.prefix(width).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The next bytes that the client sends; nil when it sends no more.
    private func take(_ count: Int) -> [UInt8]? {
        while inbound.count < count {
            guard TestSocket.receive(descriptor, into: &inbound) else { return nil }
        }
        defer { inbound.removeFirst(count) }
        return Array(inbound.prefix(count))
    }
}
