import CRDKafka
import Logging
import Sluice
import Synchronization

/// What a publisher and its thread share: the producer of the moment, and whether there is one.
///
/// A producer that reports a fatal error is replaced, by the same thread that took its reports; until then publishes
/// fail with that error.
final class ProducerCore: Sendable {
    private enum Phase {
        case open(ProducerClient)
        /// The producer failed for good and is being replaced.
        case failed(KafkaError)
        case closing(ProducerClient?, until: MonotonicTime)
    }

    let monitor: ClientMonitor
    private let make: @Sendable () throws(KafkaError) -> NativeClient
    private let drainTime: Duration
    private let logger: Logger
    private let phase: Mutex<Phase>
    private let signal = ThreadSignal()

    /// - Parameters:
    ///   - drainTime: how long closing may take until what is queued is given up.
    ///   - make: makes a native producer.
    init(
        monitor: ClientMonitor, drainTime: Duration, logger: Logger,
        make: @escaping @Sendable () throws(KafkaError) -> NativeClient
    ) throws(KafkaError) {
        self.monitor = monitor
        self.make = make
        self.drainTime = drainTime
        self.logger = logger
        phase = Mutex(.open(ProducerClient(try make())))
    }

    // MARK: For publishes

    /// The producer of the moment, entered.
    func enter() throws -> ProducerClient {
        let client = try phase.withLock { phase in
            switch phase {
            case .open(let client): return client
            case .failed(let error): throw error
            case .closing: throw ClosedError("kafka publisher")
            }
        }
        try client.enter()
        return client
    }

    /// Lets what is being published end; then the thread ends.
    func close() {
        let client = phase.withLock { phase -> ProducerClient? in
            let client: ProducerClient?
            switch phase {
            case .open(let current): client = current
            case .failed: client = nil
            case .closing: return nil
            }
            phase = .closing(client, until: MonotonicTime.now().advanced(by: drainTime))
            // Under the lock: the thread cannot have ended it yet.
            client?.retire(ClosedError("kafka publisher"))
            client?.native.wake()
            return client
        }
        if client == nil { signal.raise() }
    }

    // MARK: The thread

    /// Serves one producer after the other until the publisher is closed.
    func run() {
        var reports = ReportBuffer()
        while let client = currentClient {
            let started = MonotonicTime.now()
            serve(client, &reports)
            let error = client.native.fatalError ?? client.abortion as? KafkaError
            let goesOn = lose(error)
            client.end(because: goesOn ? "the producer is replaced after \(error?.detail ?? "a failure")" : "closed")
            // A cluster that fails every producer at once gets a new one once a second.
            guard goesOn, replace(notBefore: started.advanced(by: .seconds(1))) else { return }
        }
    }

    private var currentClient: ProducerClient? {
        phase.withLock { phase in
            switch phase {
            case .open(let client): client
            case .failed: nil
            case .closing(let client, _): client
            }
        }
    }

    private func serve(_ client: ProducerClient, _ reports: inout ReportBuffer) {
        while !client.isDone {
            // One at a time: reports do not wait for all that is to be published.
            let isBusy = client.executor.runNext()
            var mayHaveFailed = true
            if let event = client.native.poll(milliseconds: isBusy ? 0 : patience(for: client)),
                event.type == RD_KAFKA_EVENT_DR
            {
                mayHaveFailed = client.takeReports(event, &reports) > 0
            }
            // The event has gone, and with it the messages.
            client.room.makeRoom()
            reports.settle()
            if mayHaveFailed, let error = client.native.fatalError { client.abort(error) }
            if let deadline = closingDeadline, deadline <= .now() { client.abort(ClosedError("kafka publisher")) }
        }
    }

    private var closingDeadline: MonotonicTime? {
        phase.withLock { if case .closing(_, let deadline) = $0 { deadline } else { nil } }
    }

    /// How long to wait for an event, in milliseconds.
    private func patience(for client: ProducerClient) -> Int32 {
        // What was given up is given up again: a publish may have been on its way into the queue.
        if client.abortion != nil { return 100 }
        guard let deadline = closingDeadline else { return -1 }
        return Int32(clamping: deadline.nanoseconds(since: .now()) / 1_000_000 + 1)
    }

    /// The producer is about to end: it is not handed out or woken any more.
    /// - Returns: false when the publisher is closing.
    private func lose(_ error: KafkaError?) -> Bool {
        phase.withLock { phase in
            if case .closing(_, let deadline) = phase {
                phase = .closing(nil, until: deadline)
                return false
            }
            phase = .failed(error ?? KafkaError(RD_KAFKA_RESP_ERR__FATAL))
            return true
        }
    }

    /// - Returns: false when the publisher was closed meanwhile.
    private func replace(notBefore time: MonotonicTime) -> Bool {
        var time = time
        let diary = FailureDiary()
        for attempt in 1... {
            while time > .now() {
                guard !isClosing else { return false }
                signal.wait(until: time)
            }
            do throws(KafkaError) {
                let client = ProducerClient(try make())
                logger.notice("replaced the producer after a fatal error")
                let isWanted = phase.withLock { phase in
                    guard case .failed = phase else { return false }
                    phase = .open(client)
                    return true
                }
                if !isWanted { client.end() }
                return isWanted
            } catch {
                diary.log("cannot make a new producer; trying again", error, level: .error, to: logger)
                phase.withLock { if case .failed = $0 { $0 = .failed(error) } }
                time = MonotonicTime.now().advanced(by: Self.backoff.bound(beforeRetry: attempt))
            }
        }
        return false
    }

    private static let backoff = Backoff.exponential(from: .seconds(1), upTo: .seconds(30), jitter: false)

    private var isClosing: Bool {
        phase.withLock { if case .closing = $0 { true } else { false } }
    }
}
