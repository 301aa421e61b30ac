import Logging
import Sluice
import Synchronization

/// The buffer of a ``LogOutput`` and the thread that empties it.
final class LogWriterCore: Sendable {
    private struct State {
        var buffer: LogBuffer
        var isRunning = false
        var isStopping = false
        /// Threads that wait for an empty buffer.
        var waiters: [ThreadSignal] = []
    }

    private let descriptor: BlockingDescriptor
    private let format: LogFormat
    private let observer: LogOutput.Observer
    private let signal = ThreadSignal()
    private let state: Mutex<State>

    init(
        _ descriptor: BlockingDescriptor, _ buffer: LogBuffer, _ format: LogFormat, _ observer: LogOutput.Observer
    ) {
        self.descriptor = descriptor
        self.format = format
        self.observer = observer
        state = Mutex(State(buffer: buffer))
    }

    func write(_ line: [UInt8], _ level: Logger.Level) {
        observer.line(level)
        let (isKept, starts) = state.withLock { state in
            let isKept = state.buffer.append(line, isGrave: level >= .error)
            defer { state.isRunning = true }
            return (isKept, !state.isRunning)
        }
        if !isKept { observer.dropped() }
        if starts { start() } else { signal.raise() }
    }

    func flush(until deadline: MonotonicTime) -> Bool {
        let drained = ThreadSignal()
        while true {
            let isEmpty = state.withLock { state in
                if !state.buffer.isEmpty, !state.waiters.contains(where: { $0 === drained }) {
                    state.waiters.append(drained)
                }
                return state.buffer.isEmpty
            }
            if isEmpty { return true }
            guard MonotonicTime.now() < deadline else {
                state.withLock { state in state.waiters.removeAll { $0 === drained } }
                return false
            }
            drained.wait(until: deadline)
        }
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        signal.raise()
    }

    // MARK: The thread

    private func start() {
        do {
            _ = try DedicatedThread(name: "sluice-log") { self.run() }
        } catch {
            // A system that has no thread left says so in the lines that wait: they are written here, and the next line
            // tries again.
            var missing = 0
            writeAll(&missing)
            state.withLock { $0.isRunning = false }
        }
    }

    private func run() {
        DedicatedThread.blockSignals()
        var missing = 0
        while true {
            writeAll(&missing)
            if state.withLock({ $0.isStopping && $0.buffer.isEmpty }) { return }
            signal.wait(until: nil)
        }
    }

    /// Writes until nothing waits.
    /// - Parameter missing: lines that are lost and of which the log has not spoken yet.
    private func writeAll(_ missing: inout Int) {
        while true {
            let entries = state.withLock { $0.buffer.takeAll() }
            for entry in entries {
                missing += entry.missing
                tell(&missing)
                do {
                    try descriptor.write(entry.bytes)
                } catch {
                    missing += 1
                    observer.dropped()
                }
                state.withLock { $0.buffer.wrote(entry) }
            }
            guard entries.isEmpty else { continue }
            let late = state.withLock { $0.buffer.takeMissing() }
            missing += late
            if late > 0 { tell(&missing) }
            let (isEmpty, waiters) = state.withLock { state -> (Bool, [ThreadSignal]) in
                guard state.buffer.isEmpty else { return (false, []) }
                defer { state.waiters = [] }
                return (true, state.waiters)
            }
            for waiter in waiters { waiter.raise() }
            if isEmpty { return }
        }
    }

    /// Says how many lines are missing, if any are. Where it cannot be said, they stay to be told of.
    private func tell(_ missing: inout Int) {
        guard missing > 0 else { return }
        let line = LogLine(
            time: .now(), level: .warning, label: "sluice", message: "the log could not be written; lines are missing",
            metadata: ["lines": "\(missing)"])
        guard (try? descriptor.write(line.bytes(format))) != nil else { return }
        observer.line(.warning)
        missing = 0
    }
}
