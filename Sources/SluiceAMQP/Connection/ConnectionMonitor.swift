import Logging
import Sluice
import Synchronization

/// Takes in what happens to a connection: it becomes the state that can be asked for, log lines and metrics.
final class ConnectionMonitor: Sendable {
    private let logger: Logger
    private let meter: ConnectionMeter?
    /// Whether it stands for a queue that is read: another monitor tells of the connection itself.
    private let isQueue: Bool
    private let state = Mutex(ConnectionState())
    /// What was logged of the outage that there is.
    private let told = Mutex<Set<String>>([])
    /// Hosts may be many, and what a broker says can be anything.
    private static let mostTold = 32

    init(logger: Logger, isQueue: Bool = false, meter: ConnectionMeter?) {
        self.isQueue = isQueue
        self.logger = logger
        self.meter = meter
    }

    var current: AMQPConnectionState { state.withLock(\.current) }

    func connected(to host: String) {
        told.withLock { $0 = [] }
        apply(["broker": "\(host)"]) { $0.connect() }
    }

    /// - Parameter isKnown: whether it is logged elsewhere.
    func lost(_ error: AMQPError, isKnown: Bool = false) {
        meter?.failed(error)
        apply { $0.lose("\(error)") }
        // An outage is one line, and another for each further kind of failure: not one for each attempt, nor for each of
        // two that take turns.
        let kind = error.code == .tls ? error.detail : error.reason
        let isNew = told.withLock { $0.count < Self.mostTold && $0.insert(kind).inserted }
        logger.log(
            level: isNew && !isKnown ? .warning : .debug,
            isQueue ? "the queue cannot be read for now" : "the broker is away",
            metadata: ["error": "\(error)", "reason": "\(error.reason)"])
    }

    func blocked(_ reason: String?) {
        apply { $0.block(reason) }
    }

    func closed() {
        apply { $0.lose("closed") }
        meter?.ended()
    }

    private func apply(_ metadata: Logger.Metadata = [:], _ body: (inout ConnectionState) -> ConnectionState.Change?) {
        guard let change = state.withLock({ body(&$0) }) else { return }
        meter?.changed(change)
        switch change {
        case .connected(let again):
            let event: Logger.Message = isQueue ? "the queue is read" : "connected to the broker"
            logger.log(
                level: isQueue ? .info : .notice, again ? "\(event) again" : event, metadata: metadata)
        case .blocked(let reason):
            logger.log(
                level: isQueue ? .debug : .warning, "the broker takes no messages for now",
                metadata: ["reason": "\(reason)"])
        case .unblocked: logger.log(level: isQueue ? .debug : .notice, "the broker takes messages again")
        case .lost: break
        }
    }
}
