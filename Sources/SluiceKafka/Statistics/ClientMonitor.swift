import CRDKafka
import Logging
import Sluice
import Synchronization

/// Takes in what a client says of itself: errors, logs and statistics become the state of its connection, log lines and
/// metrics.
final class ClientMonitor: Sendable {
    let secrets: SecretTexts
    private let logger: Logger
    private let meter: ClientMeter?
    private let connection = Mutex(ConnectionState())
    private let isUp = Atomic<Bool>(false)
    private let latest = Mutex<KafkaStatistics?>(nil)
    private let diary: FailureDiary
    /// Why certificates were refused, by broker.
    private let faults = Mutex<[String: (fault: CertificateFault, time: MonotonicTime)]>([:])
    /// A connection is tried again every second: a fault that is older says nothing of the last attempt.
    private static let faultLifetime: Duration = .seconds(5)

    /// - Parameter diary: what was logged of outages; the clients of one configuration share it.
    init(secrets: SecretTexts, logger: Logger, meter: ClientMeter?, diary: FailureDiary = FailureDiary()) {
        self.secrets = secrets
        self.diary = diary
        self.logger = logger
        self.meter = meter
    }

    var connectionState: KafkaConnectionState { connection.withLock(\.current) }

    /// The last statistics; nil until the first interval is over.
    var statistics: KafkaStatistics? { latest.withLock(\.self) }

    /// A broker answered: what is called for every batch costs one atomic load.
    func brokerAnswered() {
        if !isUp.load(ordering: .relaxed) { apply { $0.succeed() } }
    }

    /// - Returns: whether the event was the monitor's.
    func take(_ event: borrowing NativeEvent, of client: NativeClient) -> Bool {
        switch event.type {
        case RD_KAFKA_EVENT_ERROR:
            report(event.error, rd_kafka_event_error_string(event.handle), of: client.handle)
        case RD_KAFKA_EVENT_LOG:
            var facility: UnsafePointer<CChar>?
            var text: UnsafePointer<CChar>?
            var level: Int32 = 0
            guard rd_kafka_event_log(event.handle, &facility, &text, &level) == 0 else { return true }
            log(level, facility, text)
        case RD_KAFKA_EVENT_STATS:
            guard let json = rd_kafka_event_stats(event.handle) else { return true }
            takeStatistics(UnsafeRawBufferPointer(start: json, count: length(of: json)))
        default: return false
        }
        return true
    }

    /// A broker's certificate was refused. Comes before the error that the connection then ends with.
    func report(_ fault: CertificateFault, of broker: String) {
        // Brokers come and go; no cluster has that many.
        faults.withLock { if $0.count < 1_000 { $0[broker] = (fault, .now()) } }
    }

    private func fault(of broker: String) -> CertificateFault? {
        faults.withLock { faults in
            guard let known = faults[broker] else { return nil }
            if known.time.advanced(by: Self.faultLifetime) >= .now() { return known.fault }
            faults[broker] = nil
            return nil
        }
    }

    func report(_ code: rd_kafka_resp_err_t, _ text: UnsafePointer<CChar>?, of client: OpaquePointer?) {
        var detail = secrets.redact(text.map { String(cString: $0) } ?? "no text")
        let broker = FailureDiary.broker(in: detail)
        var kind = "\(KafkaError.Code(code))"
        if code == RD_KAFKA_RESP_ERR__SSL, let fault = fault(of: broker) {
            // librdkafka has one text for all of them, with advice that fits only one.
            detail = "\(broker): \(fault)"
            kind = detail
        }
        let error = KafkaError(.init(code), detail: detail)
        meter?.failed(error)
        switch code {
        case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
            apply { $0.fail(error.detail) }
        case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__RESOLVE, RD_KAFKA_RESP_ERR__AUTHENTICATION,
            RD_KAFKA_RESP_ERR__SSL, RD_KAFKA_RESP_ERR__TIMED_OUT:
            // A certificate that is refused says more than a connection that ends, which is what comes of it.
            let isConsequence = code != RD_KAFKA_RESP_ERR__SSL && fault(of: broker) != nil
            if !isConsequence { connection.withLock { $0.note(error.detail) } }
            let isNew = !isConsequence && diary.isNew(kind, of: broker)
            logger.log(
                level: isNew ? .warning : .debug, "a broker cannot be reached",
                metadata: ["broker": "\(broker)", "error": "\(error)"])
        default:
            logger.log(
                level: diary.isNew(kind, of: "") ? .warning : .debug, "kafka reports an error",
                metadata: ["error": "\(error)"])
        }
    }

    func log(_ level: Int32, _ facility: UnsafePointer<CChar>?, _ text: UnsafePointer<CChar>?) {
        guard let text, let facility else { return }
        let facilityName = String(cString: facility)
        let line = String(cString: text)
        // One configuration serves producers and consumers, each of which warns of the other's properties.
        let isForOthers = facilityName == "CONFWARN" && line.contains("property and will be ignored")
        // Of what happens to connections `report` tells, once.
        let isOfConnection = Self.connectionFacilities.contains(facilityName)
        let level: Logger.Level = isForOthers || isOfConnection ? .debug : Self.level(ofSyslog: level)
        guard logger.logLevel <= level else { return }
        logger.log(
            level: level, "\(secrets.redact(line))", metadata: ["facility": "\(facilityName)"], source: "librdkafka")
    }

    func takeStatistics(_ json: UnsafeRawBufferPointer) {
        guard let statistics = KafkaStatistics(json: json) else {
            logger.log(
                level: diary.isNew("statistics", of: "") ? .warning : .debug,
                "librdkafka's statistics could not be read")
            return
        }
        latest.withLock { $0 = statistics }
        for (name, broker) in statistics.brokers where broker.isUp { reached(FailureDiary.broker(in: name)) }
        meter?.take(statistics)
        apply { $0.update(brokersUp: statistics.brokersUp) }
    }

    /// A broker is connected.
    private func reached(_ broker: String) {
        faults.withLock { if !$0.isEmpty { $0[broker] = nil } }
        if diary.ended(of: broker) { logger.notice("a broker is reached again", metadata: ["broker": "\(broker)"]) }
    }

    /// What librdkafka logs of a connection's failures, over and over.
    private static let connectionFacilities: Set<String> = ["FAIL", "ERROR", "SSLCERTVRFY", "SASLREFRESH", "CONNSETUP"]

    /// - Parameter event: a rebalance or a transaction, as ``ClientMeter/count(_:)`` takes it.
    func count(_ event: String) {
        meter?.count(event)
    }

    func clientEnded(because reason: String) {
        connection.withLock { state in
            state.note(reason)
            _ = state.fail()
        }
        isUp.store(false, ordering: .relaxed)
        meter?.ended()
    }

    private func apply(_ body: (inout ConnectionState) -> ConnectionState.Change?) {
        let change = connection.withLock { state in
            defer { isUp.store(state.isConnected, ordering: .relaxed) }
            return body(&state)
        }
        guard let change else { return }
        meter?.connectionChanged(change)
        switch change {
        case .connected(let again): logger.notice(again ? "connected to kafka again" : "connected to kafka")
        case .lost(let reason): logger.warning("lost kafka", metadata: ["reason": "\(reason)"])
        }
    }

    private static func level(ofSyslog level: Int32) -> Logger.Level {
        switch level {
        case ...2: .critical
        case 3: .error
        case 4: .warning
        case 5: .notice
        case 6: .info
        default: .debug
        }
    }

    private func length(of text: UnsafePointer<CChar>) -> Int {
        var count = 0
        while text[count] != 0 { count += 1 }
        return count
    }
}
