import CRabbitMQ
import Sluice

/// The beginning of a connection: from the protocol header to the open virtual host.
struct Handshake {
    /// What both sides have agreed on.
    struct Limits {
        let channelMax: UInt16
        let heartbeat: Duration
    }

    private let configuration: AMQPConfiguration
    private let signal: PollSignal
    private let wire: any Wire
    private let deadline: MonotonicTime
    private let isCancelled: () -> Bool

    /// Connects to a host and makes itself known.
    /// - Parameter isCancelled: looked at whenever the signal is raised.
    static func open(
        _ host: AMQPConfiguration.Host, _ configuration: AMQPConfiguration, signal: PollSignal,
        isCancelled: @escaping () -> Bool
    ) throws(AMQPError) -> Link {
        let deadline = MonotonicTime.now().advanced(by: configuration.connectTimeout)
        let wire: any Wire
        if let tls = configuration.tls {
            wire = try TLSWire(
                host, tls, timeout: configuration.connectTimeout, writeTimeout: configuration.requestTimeout)
        } else {
            wire = try PlainWire(host, timeout: configuration.connectTimeout)
        }
        let handshake = Handshake(
            configuration: configuration, signal: signal, wire: wire, deadline: deadline, isCancelled: isCancelled)
        let limits: Limits
        do {
            limits = try handshake.run()
        } catch {
            wire.close()
            throw error.during("\(host)")
        }
        return Link(wire, host, signal: signal, requestTimeout: configuration.requestTimeout, limits: limits)
    }

    private func run() throws(AMQPError) -> Limits {
        try wire.sendProtocolHeader()
        let mechanisms = try answer(Method.connectionStart) { arguments in
            let start = arguments.assumingMemoryBound(to: amqp_connection_start_t.self).pointee
            return start.version_major == 0 && start.version_minor == 9 ? start.mechanisms.text : nil
        }
        guard let mechanisms else { throw AMQPError(.malformed, "the broker speaks another version of AMQP") }
        guard mechanisms.split(separator: " ").contains("PLAIN") else {
            throw AMQPError(.authentication, "the broker does not take a name and a password (SASL PLAIN)")
        }
        try introduce()
        let tune = try answer(Method.connectionTune) { arguments in
            arguments.assumingMemoryBound(to: amqp_connection_tune_t.self).pointee
        }
        let limits = try agree(tune)
        try open()
        return limits
    }

    private func introduce() throws(AMQPError) {
        let pool = NativePool()
        let capabilities: AMQPTable = [
            "authentication_failure_close": true, "basic.nack": true, "connection.blocked": true,
            "consumer_cancel_notify": true, "publisher_confirms": true, "exchange_exchange_bindings": true,
        ]
        let properties: AMQPTable = [
            "product": "Sluice", "platform": "Swift", "connection_name": .text(configuration.connectionName),
            "capabilities": .table(capabilities),
        ]
        let credentials = "\0\(configuration.username)\0\(configuration.password)"
        let arguments = amqp_connection_start_ok_t(
            client_properties: properties.encoded(in: pool), mechanism: pool.copy("PLAIN"),
            response: pool.copy(credentials), locale: pool.copy("en_US"))
        try wire.send(Method.connectionStartOk, on: 0, arguments)
    }

    private func agree(_ tune: amqp_connection_tune_t) throws(AMQPError) -> Limits {
        // 0 stands for no limit.
        let channelMax =
            tune.channel_max == 0 ? configuration.channelMax : min(tune.channel_max, configuration.channelMax)
        // Over TLS librabbitmq decodes headers before anything can look at them: how deep they can be is bounded by
        // the frame, so that its stack suffices.
        let largest = configuration.tls == nil ? configuration.frameMax : min(configuration.frameMax, 131_072)
        let frameMax = tune.frame_max == 0 ? largest : min(Int(tune.frame_max), largest)
        guard frameMax >= 4_096, channelMax >= 1 else {
            throw AMQPError(.malformed, "the broker asks for limits that the protocol does not allow")
        }
        let wanted = UInt16(clamping: configuration.heartbeat.components.seconds)
        let wishes = [tune.heartbeat, configuration.heartbeat > .zero ? max(1, wanted) : 0].filter { $0 > 0 }
        let heartbeat = configuration.heartbeat > .zero ? wishes.min() ?? 0 : 0
        let arguments = amqp_connection_tune_ok_t(
            channel_max: channelMax, frame_max: UInt32(frameMax), heartbeat: heartbeat)
        try wire.send(Method.connectionTuneOk, on: 0, arguments)
        wire.tune(frameMax: frameMax, channelMax: channelMax)
        return Limits(channelMax: channelMax, heartbeat: .seconds(Int(heartbeat)))
    }

    private func open() throws(AMQPError) {
        let pool = NativePool()
        let arguments = amqp_connection_open_t(
            virtual_host: pool.copy(configuration.vhost), capabilities: amqp_bytes_t(), insist: 0)
        try wire.send(Method.connectionOpen, on: 0, arguments)
        try answer(Method.connectionOpenOk) { _ in }
    }

    /// Waits for the one method that may come next.
    @discardableResult
    private func answer<Answer>(
        _ method: UInt32, _ read: (UnsafeMutableRawPointer) -> Answer
    ) throws(AMQPError) -> Answer {
        while true {
            switch try wire.next() {
            case .method(0, method, let arguments)?: return read(arguments)
            case .method(0, Method.connectionClose, let arguments)?:
                let close = arguments.assumingMemoryBound(to: amqp_connection_close_t.self).pointee
                let error = refusal(close.reply_code, close.reply_text.text, before: method)
                try? wire.send(Method.connectionCloseOk, on: 0, amqp_connection_close_ok_t())
                try? wire.flush()
                throw error
            case .heartbeat?: continue
            case .some: throw AMQPError(.malformed, "the broker sent what has no place in a handshake")
            case nil:
                guard MonotonicTime.now() < deadline else {
                    throw AMQPError(.timedOut, "the broker did not finish the handshake in time")
                }
                guard !isCancelled() else { throw AMQPError(.connectionLost, "closed") }
                try wire.flush()
                let ready = signal.wait(for: wire.socket, writing: wire.wantsToWrite, until: deadline)
                if ready.canRead { wire.noteReadable() }
            }
        }
    }

    private func refusal(_ code: UInt16, _ text: String, before method: UInt32) -> AMQPError {
        switch (code, method) {
        case (403, Method.connectionTune): AMQPError(.authentication, text)
        case (_, Method.connectionOpenOk) where code == 530 || code == 403 || code == 402:
            AMQPError(
                .virtualHost,
                // Easily written, and seldom meant.
                configuration.vhost.isEmpty ? "\(text) (a URI that ends in a slash names the empty one)" : text)
        default: AMQPError(.connectionClosed, "the broker closed the connection: \(text) (\(code))")
        }
    }
}
