import GRDB
import Logging
import Sluice
import Synchronization

/// Writes the journal, on a thread of its own: one transaction for what has gathered. What cannot be written is dropped and
/// counted, and the next batch finds the file made again, or tries anew.
final class JournalLoop {
    private struct Open {
        let database: DatabaseQueue
        let tables: JournalTables
        let identity: UInt64?
    }

    private let file: JournalFile
    private let retention: Duration
    private let pace: JournalPace
    private let buffer: JournalBuffer
    private let signal: ThreadSignal
    private let state: JournalState
    private let meter: JournalMeter
    private let isDoubted: @Sendable () -> Bool
    private let logger: Logger
    private var complaints: Complaints
    private var open: Open?
    private var batch = JournalBuffer.Batch()
    private var nextSweep = MonotonicTime.now()
    /// Why the file was removed that is made again next.
    private var damage: String?

    init(_ journal: Journal, isDoubted: @escaping @Sendable () -> Bool, logger: Logger) {
        file = journal.file
        retention = journal.retention
        pace = journal.pace
        buffer = journal.buffer
        signal = journal.signal
        state = journal.state
        meter = journal.meter
        self.isDoubted = isDoubted
        self.logger = logger
        complaints = Complaints(silence: journal.pace.silence)
    }

    /// Returns when the journal has ended and everything is written.
    func run() {
        DedicatedThread.blockSignals()
        perform { _ in }
        while true {
            // Before the buffer is looked at: what comes later is not waited for.
            let isLast = state.hasEnded
            write()
            if nextSweep <= .now() { sweep() }
            if isLast { break }
            waitForMore()
        }
        close()
    }

    /// What comes first waits for others, to be written with them.
    private func waitForMore() {
        if buffer.isEmpty { signal.wait(until: nextSweep) }
        let end = MonotonicTime.now().advanced(by: pace.interval)
        while !state.hasEnded, !buffer.isEmpty, !buffer.isFilling, MonotonicTime.now() < end { signal.wait(until: end) }
    }

    // MARK: Writing

    private func write() {
        let dropped = buffer.take(into: &batch)
        if dropped > 0 { noteDropped(dropped, "they come faster than they can be written") }
        guard batch.count > 0 else { return }
        let routes = state.routes
        var written = 0
        while let part = batch.part(after: written, limit: pace.commit) {
            guard perform({ tables in try tables.write(part, routes: routes) }) else {
                noteDropped(batch.count - written, state.problem ?? "unknown")
                batch.clear()
                return
            }
            meter.wrote(part.attempts.count)
            written += part.count
            trim()
        }
        batch.clear()
        noteExtent()
    }

    /// Runs `body` on the file. A file that is gone or damaged is made again, once.
    /// - Returns: false where it cannot be used.
    @discardableResult
    private func perform(_ body: (JournalTables) throws -> Void) -> Bool {
        for isLast in [false, true] {
            do {
                let open = try openFile()
                try open.database.inDatabase { _ in try body(open.tables) }
                calm()
                return true
            } catch {
                let error = JournalError(error)
                let isGone = open.map { $0.identity != file.identity } ?? false
                close()
                state.fail(error.problem)
                // A passing trouble is not waited for.
                guard !isLast, error.canBeMadeAgain || isGone else { return false }
                if !isGone, (try? file.remove()) != nil { damage = error.problem }
            }
        }
        return false
    }

    private func openFile() throws(JournalError) -> Open {
        if let open, open.identity == file.identity { return open }
        let wasDeleted = open != nil
        close()
        let (database, problem) = try file.open()
        do {
            let tables = try database.inDatabase { try JournalTables($0, path: file.path) }
            let opened = Open(database: database, tables: tables, identity: file.identity)
            try database.inDatabase { _ in
                let problem = problem ?? damage ?? (wasDeleted ? "it was deleted" : nil)
                damage = nil
                if let problem {
                    logger.warning("the journal was made again", metadata: ["reason": "\(problem)"])
                    state.noteMadeAgain(problem)
                    try tables.write(JournalEvent(.journalMadeAgain, "", problem))
                }
                try tables.begin(state.process, at: state.startedAt)
            }
            open = opened
            return opened
        } catch {
            throw JournalError(error)
        }
    }

    private func close() {
        guard let database = open?.database else { return }
        // Its statements go first.
        open = nil
        try? database.close()
    }

    // MARK: Bounds

    private func trim() {
        for _ in 0..<256 {
            var isMore = false
            guard perform({ tables in isMore = try tables.trim(to: file.fileBytes) }), isMore else { return }
        }
    }

    private func sweep() {
        nextSweep = MonotonicTime.now().advanced(by: pace.sweep)
        lookForDamage()
        trim()
        let now = Timestamp.now()
        let age = Int64(clamping: retention.wholeNanoseconds / 1_000_000)
        let (cutoff, overflow) = now.millisecondsSince1970.subtractingReportingOverflow(age)
        if !isDoubted(), !overflow {
            var isMore = true
            while isMore, !buffer.isFilling, !state.hasEnded {
                guard
                    perform({ tables in
                        isMore = try tables.forget(before: Timestamp(millisecondsSince1970: cutoff), now: now)
                    })
                else { return }
            }
        }
        noteExtent()
    }

    private func lookForDamage() {
        guard open != nil else { return }
        do {
            try file.check()
        } catch {
            guard error.canBeMadeAgain else { return }
            close()
            state.fail(error.problem)
            if (try? file.remove()) != nil { damage = error.problem }
            perform { _ in }
        }
    }

    private func noteExtent() {
        var oldest: Timestamp?
        guard perform({ tables in oldest = try tables.oldest() }) else { return }
        state.note(bytes: file.size, oldest: oldest)
    }

    // MARK: What went wrong

    private func noteDropped(_ count: Int, _ why: String) {
        meter.dropped(count)
        state.noteDropped(count)
        guard let sum = complaints.add(count, at: .now()) else { return }
        logger.warning(
            "records of the journal are lost; no message is", metadata: ["records": "\(sum)", "reason": "\(why)"])
    }

    private func calm() {
        guard state.problem != nil else { return }
        state.fail(nil)
        if complaints.end() { logger.notice("the journal is written again") }
    }
}

extension JournalBuffer.Batch {
    /// The next part, behind so many records.
    fileprivate func part(after written: Int, limit: Int) -> JournalPart? {
        guard written < count else { return nil }
        var (skipped, room) = (written, limit)
        func next<Record>(_ records: [Record]) -> ArraySlice<Record> {
            let start = min(skipped, records.count)
            skipped -= start
            let taken = records[start...].prefix(room)
            room -= taken.count
            return taken
        }
        return JournalPart(
            attempts: next(attempts), ends: next(ends), messages: next(messages), events: next(events))
    }
}

extension JournalPart {
    fileprivate var count: Int { attempts.count + ends.count + messages.count + events.count }
}
