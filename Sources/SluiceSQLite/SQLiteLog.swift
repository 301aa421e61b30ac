import GRDB
public import Logging
public import Sluice
import Synchronization

/// The embedded durable log: topics, keys, and consumer groups in one SQLite file.
///
/// ```swift
/// let log = try SQLiteLog.open(.init(path: "events.sqlite"))
/// try await log.publisher().publish([Message(text: "7")], to: "orders")
/// try router.add(Route("mail", from: log.subscriber(group: "mail"), "orders") { message, _ in try await mail.send(message) })
/// ```
///
/// A publish returns when its messages are committed and fsynced (WAL, `synchronous=FULL`); publishes that come while
/// a commit runs share the next. Each group remembers exactly what it settled, also out of order. Several processes
/// may use one file; a group is led by one of them at a time. It keeps three threads, which sleep while there is nothing to do:
/// one writes, one reads, and one copies the write-ahead log into the file.
public final class SQLiteLog: Closable {
    let configuration: Configuration
    let writer: WriterInbox
    let reader: ReaderInbox
    let registry = GroupRegistry()
    let clock: ClockGuard
    let keys: KeyIndex
    let owner: LeaseOwner
    /// Each thread ends the one before it: the last connection to close tidies up the write-ahead log, and only the writer can.
    private let writerThread: WorkerThread
    private let copierThread: WorkerThread
    private let readerThread: WorkerThread

    /// Opens the file, and creates it when it is missing. Its price does not depend on how much it holds.
    ///
    /// Blocks for as long as another program holds the file, at most the configured busy timeout.
    /// - Parameters:
    ///   - configuration: where the file is, and how the log behaves.
    ///   - logger: is told of commits that fail and work again, of messages that retention drops unread, and of a
    ///     clock that is not believed.
    /// - Throws: ``SQLiteLogError``. A file that is damaged, of another program, or of a newer version is left as it
    ///   is. `ConfigurationError` for a value out of its range.
    public static func open(
        _ configuration: Configuration, logger: Logger = Logger(label: "sluice.sqlite")
    ) throws -> SQLiteLog {
        try configuration.validate()
        return try SQLiteLog(configuration.telling(logger))
    }

    private init(_ configuration: Configuration) throws(SQLiteLogError) {
        self.configuration = configuration
        let path = configuration.path
        let writing = try LogFile.openWriter(configuration)
        let reading = try LogFile.openReader(configuration)
        let owner = LeaseOwner(path: path + "-owners")
        self.owner = owner
        let writer = WriterInbox(
            path: path, settlementInterval: configuration.settlementInterval,
            health: LogHealth(configuration.observe))
        let reader = ReaderInbox(path: path, registry: registry, signal: ThreadSignal())
        self.writer = writer
        self.reader = reader
        let registry = self.registry
        let clock = ClockGuard(configuration)
        self.clock = clock
        let keys = KeyIndex(path: path, clock: clock)
        self.keys = keys
        let log = WriteAheadGauge()
        writerThread = try Self.serve(
            "sluice-writer", writing, path,
            { database throws(SQLiteLogError) in
                try WriterLoop(
                    database, configuration: configuration, owner: owner, registry: registry, writer: writer,
                    reader: reader, clock: clock, log: log)
            }, { $0.run() }, {})
        let endWriting: @Sendable () -> Void = {
            keys.close()
            _ = writer.close()
        }
        do {
            copierThread = try WorkerThread(name: "sluice-copier") {
                LogCopier(configuration: configuration, log: log).run()
                endWriting()
            }
        } catch {
            endWriting()
            throw SQLiteLogError(error, path: path)
        }
        do {
            readerThread = try Self.serve(
                "sluice-reader", reading, path,
                { database throws(SQLiteLogError) in
                    try ReaderLoop(
                        database, configuration: configuration, registry: registry, writer: writer, reader: reader,
                        clock: clock)
                }, { $0.run() }, { log.close() })
        } catch {
            log.close()
            throw error
        }
    }

    deinit {
        reader.close()
    }

    /// Starts the thread that owns a connection for the connection's whole life, and waits until it is ready.
    private static func serve<Loop>(
        _ name: String, _ queue: DatabaseQueue, _ path: String,
        _ make: @escaping @Sendable (Database) throws(SQLiteLogError) -> Loop,
        _ run: @escaping @Sendable (Loop) -> Void, _ after: @escaping @Sendable () -> Void
    ) throws(SQLiteLogError) -> WorkerThread {
        let ready = ThreadSignal()
        let outcome = Box<Result<Void, SQLiteLogError>>()
        do {
            let thread = try WorkerThread(name: name) {
                queue.inDatabase { database in
                    let loop: Loop
                    do throws(SQLiteLogError) {
                        loop = try make(database)
                        outcome.set(.success(()))
                        ready.raise()
                    } catch {
                        outcome.set(.failure(error))
                        ready.raise()
                        return
                    }
                    run(loop)
                }
                try? queue.close()
                after()
            }
            while outcome.value == nil { ready.wait(until: nil) }
            try outcome.value?.get()
            return thread
        } catch {
            throw SQLiteLogError(error, path: path)
        }
    }

    /// Ends every subscription, writes what is in the queue and what was settled, gives the groups free, and closes
    /// the file. A second call waits for the first.
    public func close() async {
        endSubscriptions()
        reader.close()
        await readerThread.end()
        await copierThread.end()
        await writerThread.end()
        // Subscriptions were possible until the writer refused them.
        endSubscriptions()
    }

    private func endSubscriptions() {
        for group in registry.all {
            for feed in group.state.withLock(\.feeds) { feed.subscription.cancel() }
        }
    }
}

/// A value that one thread leaves for another.
final class Box<Value: Sendable>: Sendable {
    private let content = Mutex<Value?>(nil)

    var value: Value? { content.withLock { $0 } }

    func set(_ value: Value) {
        content.withLock { $0 = value }
    }
}
