public import Logging
public import Sluice
import Synchronization

/// Publishes to a RabbitMQ broker, over one connection that is kept.
///
/// ```swift
/// let orders = try AMQPPublisher(rabbit)
/// try await orders.publish([Message(text: "7")], to: "orders")
/// ```
///
/// A publish returns when the broker has confirmed every message: persistent ones are then on disk wherever they were
/// routed to. Many publishes, of one task or of many, are under way at once and share what is sent.
public final class AMQPPublisher: Publisher {
    /// How a publisher behaves.
    public struct Configuration: Sendable {
        /// How messages are written. Default: Watermill's form.
        public var marshaler: any AMQPMarshaler
        /// Whether a message that no queue takes is an error (the `mandatory` flag). Default true; without it, such
        /// messages vanish.
        public var isMandatory: Bool
        /// How long a publish may take, waiting for a broker included; not counted while the broker says that it takes
        /// nothing. Default 30 s; at least 1 ms.
        public var publishTimeout: Duration
        /// How many messages may be sent and not confirmed. Default 2048; from 1 to 65536.
        public var maxUnconfirmed: Int
        /// How many bytes of them. Nil, the default, is 16 MiB, and 1 MiB over TLS, where more is refused; at least 1. A
        /// single message may be larger.
        public var maxUnconfirmedBytes: Int?
        /// How large a message's payload may be. Default 128 MiB, which is RabbitMQ's own limit; at least 0.
        public var maxMessageBytes: Int
        /// How long ``AMQPPublisher/close()`` waits for confirms. Default 10 s.
        public var closeTimeout: Duration
        /// The label `component` of its metrics. Default `amqp-publisher`.
        public var component: String

        public init(
            marshaler: any AMQPMarshaler = .watermill,
            isMandatory: Bool = true,
            publishTimeout: Duration = .seconds(30),
            maxUnconfirmed: Int = 2_048,
            maxUnconfirmedBytes: Int? = nil,
            maxMessageBytes: Int = 128 << 20,
            closeTimeout: Duration = .seconds(10),
            component: String = "amqp-publisher"
        ) {
            self.marshaler = marshaler
            self.isMandatory = isMandatory
            self.publishTimeout = publishTimeout
            self.maxUnconfirmed = maxUnconfirmed
            self.maxUnconfirmedBytes = maxUnconfirmedBytes
            self.maxMessageBytes = maxMessageBytes
            self.closeTimeout = closeTimeout
            self.component = component
        }
    }

    public let name = "amqp"
    public let messagingSystem = "rabbitmq"
    private let options: Configuration
    private let isPersistent: Bool
    private let inbox: Inbox<PublishCall>
    private let thread: WorkerThread
    private let monitor: ConnectionMonitor

    /// Starts to connect; publishes wait for that.
    /// - Parameters:
    ///   - configuration: how the broker is reached.
    ///   - topology: which exchange and queue stand for a topic.
    ///   - options: how it publishes.
    ///   - logger: what happens to the connection goes there.
    ///   - instruments: where its metrics go; nil for none.
    /// - Throws: `ConfigurationError` for a value out of its range, ``AMQPError`` when the system refuses a thread. That the broker cannot be
    ///   reached is no error here.
    public init(
        _ configuration: AMQPConfiguration, topology: AMQPTopology = .durableQueue,
        configuration options: Configuration = Configuration(),
        logger: Logger = Logger(label: "sluice.amqp"), instruments: Instruments? = nil
    ) throws {
        try ConfigurationCheck.all(of: "AMQPPublisher") { check in
            check.include { () throws(ConfigurationError) in try configuration.validate() }
            check.include { () throws(ConfigurationError) in try topology.validate() }
            check.include { () throws(ConfigurationError) in try options.validate(over: configuration.tls) }
        }
        var options = options
        options.maxUnconfirmedBytes =
            options.maxUnconfirmedBytes ?? (configuration.tls == nil ? 16 << 20 : Configuration.bytesOverTLS)
        self.options = options
        isPersistent = topology.isPersistent
        let (component, final) = (options.component, options)
        let monitor = ConnectionMonitor(
            logger: logger, meter: instruments.map { ConnectionMeter($0, component: component) })
        self.monitor = monitor
        let meter = instruments.map { PublisherMeter($0, component: component) }
        do {
            let signal = try PollSignal()
            let inbox = Inbox<PublishCall> { signal.raise() }
            self.inbox = inbox
            thread = try WorkerThread(name: "sluice-amqp-pub") {
                let loop = PublisherLoop(
                    inbox, topology: topology, options: final, monitor: monitor, meter: meter, logger: logger)
                Connector(configuration: configuration, signal: signal, monitor: monitor).run(loop)
            }
        } catch {
            throw AMQPError(.system, "\(error)")
        }
    }

    deinit {
        inbox.close(by: .now())
    }

    /// Whether the broker is connected and takes messages. For readiness.
    public var connectionState: AMQPConnectionState { monitor.current }

    /// Returns when the broker has confirmed every message.
    ///
    /// A message that the broker does not take (a full queue that rejects, a queue whose leader is not elected yet) is
    /// an error at once, and is not sent again here: whether and how often that is worth it is for the route's `Retry`,
    /// where it is counted and bounded, or for the caller. A quorum queue that another client is just creating may refuse
    /// its first messages.
    /// - Throws: `PublishError`, which names the messages that the broker did not take, returned, or did not confirm
    ///   in time, with an ``AMQPError``; `ClosedError`; `CancellationError` when the task was cancelled, in which
    ///   case the broker may have taken some.
    public func publish(_ messages: [Message], to topic: Topic) async throws {
        guard !messages.isEmpty else {
            if inbox.closing != nil { throw ClosedError("amqp publisher") }
            return
        }
        let call = PublishCall(messages, try marshal(messages, to: topic), to: topic, start: .now())
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Void, any Error>) in
                guard call.wait(continuation) else { return continuation.resume(throwing: CancellationError()) }
                if !inbox.post(call) { call.finish(ClosedError("amqp publisher")) }
            }
        } onCancel: {
            call.finish(CancellationError())
        }
    }

    private func marshal(_ messages: [Message], to topic: Topic) throws -> [AMQPPublishing] {
        var publishings: [AMQPPublishing] = []
        publishings.reserveCapacity(messages.count)
        for message in messages {
            var publishing = try options.marshaler.marshal(message, to: topic)
            guard publishing.body.count <= options.maxMessageBytes else {
                throw AMQPError(.tooLarge, "message \(message.id) has \(publishing.body.count) bytes")
            }
            guard publishing.properties.isEncodable else {
                throw AMQPError(.unencodable, "message \(message.id) has a name or a property of more than 255 bytes")
            }
            if !isPersistent { publishing.properties.isPersistent = false }
            publishings.append(publishing)
        }
        return publishings
    }

    /// Returns when what is being published is confirmed, or after `closeTimeout`, when it fails with `ClosedError`.
    public func close() async {
        let timeout = options.closeTimeout
        inbox.close(by: .now().advanced(by: timeout))
        // The thread may be inside of a call that takes longer, such as the look-up of a host's name.
        await thread.end(within: timeout + .seconds(3))
    }
}

extension AMQPPublisher.Configuration {
    fileprivate func validate(over tls: AMQPConfiguration.TLS?) throws(ConfigurationError) {
        try ConfigurationCheck.all(of: "AMQPPublisher") { check in
            check("publishTimeout", publishTimeout, in: .milliseconds(1)...)
            check("maxUnconfirmed", maxUnconfirmed, in: 1...65_536)
            check("maxUnconfirmedBytes", maxUnconfirmedBytes, in: 1...)
            check(
                "maxUnconfirmedBytes", tls == nil || maxUnconfirmedBytes ?? 1 <= Self.bytesOverTLS,
                expected: "at most \(Self.bytesOverTLS) over TLS", value: maxUnconfirmedBytes.map { "\($0)" })
            check("maxMessageBytes", maxMessageBytes, in: 0...)
            check("closeTimeout", closeTimeout, in: .zero...)
        }
    }

    /// A write over TLS waits for the broker: what is under way should fit into the system's buffers.
    fileprivate static var bytesOverTLS: Int { 1 << 20 }
}
