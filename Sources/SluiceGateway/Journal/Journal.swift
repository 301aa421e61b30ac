public import Logging
public import ServiceLifecycle
public import Sluice
import Synchronization

/// What was attempted, when, and how it ended: one small row for each attempt, beside the message path.
///
/// Attempts, messages and events go into a bounded buffer, and a thread writes them in batches. What it cannot keep up with is
/// dropped and counted. The file is bounded in age and size; to lose or damage it loses no message and stops nothing.
///
/// ``Gateway`` has one by itself. A program with a router of its own gives it to that, and runs it:
///
/// ```swift
/// let journal = Journal(path: "journal.sqlite", instruments: instruments)
/// let router = Router(instruments: instruments, observer: journal)
/// ```
///
/// As a service it ends after the router, so that it has everything: in a group it stands before it.
public final class Journal: Service, RouteObserver {
    let file: JournalFile
    let retention: Duration
    let pace: JournalPace
    let buffer: JournalBuffer
    let signal = ThreadSignal()
    let state = JournalState()
    let meter: JournalMeter
    private let isDoubted: @Sendable () -> Bool
    private let logger: Logger

    /// - Parameters:
    ///   - path: of the file, which is made when it is missing.
    ///   - bytes: how much it may take up on the disk. Default 256 MiB.
    ///   - retention: for how long it keeps what has happened. Default 7 days.
    ///   - instruments: where its metrics go.
    ///   - logger: is told when it cannot be written.
    public convenience init(
        path: String, bytes: Int64 = 256 << 20, retention: Duration = .seconds(7 * 86_400),
        instruments: Instruments = Instruments(), logger: Logger = Logger(label: "sluice.journal")
    ) {
        self.init(
            path: path, bytes: bytes, retention: retention, pace: JournalPace(), instruments, isDoubted: { false },
            logger: logger)
    }

    /// - Parameter isDoubted: whether the clock is in doubt: then nothing goes for its age.
    init(
        path: String, bytes: Int64, retention: Duration, pace: JournalPace, _ instruments: Instruments,
        isDoubted: @escaping @Sendable () -> Bool, logger: Logger
    ) {
        file = JournalFile(path: path, bytes: bytes)
        self.retention = retention
        self.pace = pace
        buffer = JournalBuffer(capacity: pace.capacity, rate: pace.rate, signal: signal)
        meter = JournalMeter(instruments, state)
        self.isDoubted = isDoubted
        self.logger = logger
    }

    /// Writes until graceful shutdown, and then what is left.
    public func run() async throws {
        let thread: WorkerThread
        do {
            thread = try WorkerThread(name: "sluice-journal") { [self] in
                JournalLoop(self, isDoubted: isDoubted, logger: logger).run()
            }
        } catch {
            state.fail("\(error)")
            logger.error("there is no journal", metadata: ["error": "\(error)"])
            try? await gracefulShutdown()
            return
        }
        try? await gracefulShutdown()
        note(JournalEvent(.stopped, state.process.description))
        state.end()
        signal.raise()
        await thread.end()
    }

    /// Reads what is written, beside the thread that writes.
    var reader: JournalReader { JournalReader(path: file.path) }

    func report(to readiness: inout Readiness) { state.report(to: &readiness) }

    // MARK: What is noted

    public func begin(_ route: String, to destination: String) -> Int {
        state.number(of: JournalRoute(name: route, destination: destination))
    }

    public func ended(_ attempt: AttemptEnd) { buffer.add(attempt) }

    /// Nothing is noted of one that was acknowledged after an attempt, which has said so, and of one that goes back unattempted.
    public func ended(_ delivery: DeliveryEnd) {
        switch delivery.outcome {
        case .acked where delivery.attempts > 0: break
        case .rejected where delivery.attempts == 0, .handedBack where delivery.attempts == 0: break
        default: buffer.add(delivery)
        }
    }

    public func changed(_ destination: DestinationChange) { buffer.add(JournalEvent(destination)) }

    func note(_ message: JournalMessage) { buffer.add(message) }

    func note(_ event: JournalEvent) { buffer.add(event) }
}
