import Sluice
import Synchronization

/// Shows on a terminal how far something has come that takes longer than a second: count, share, rate, and the time that is
/// left. Where standard error is no terminal it shows nothing.
///
/// ```swift
/// let bar = ProgressBar("exporting", unit: .messages, total: count)
/// defer { bar.finish() }
/// for batch in batches {
///     try write(batch)
///     bar.add(batch.count)
/// }
/// ```
/// Any thread may call it. A change costs a lock, and a line of text ten times a second.
public final class ProgressBar: Sendable {
    private let state: Mutex<ProgressState>
    private let line: TerminalLine
    private let isVisible: Bool
    private let now: @Sendable () -> MonotonicTime

    /// - Parameters:
    ///   - title: what is done, such as `exporting`.
    ///   - unit: what is counted.
    ///   - total: nil where it is not known.
    ///   - done: how much was done before, as by a job that goes on: it counts for the share, and not for the rate.
    public convenience init(_ title: String, unit: ProgressUnit = .messages, total: Int64? = nil, done: Int64 = 0) {
        self.init(title, unit: unit, total: total, done: done, on: .standardError, now: { .now() })
    }

    init(
        _ title: String, unit: ProgressUnit, total: Int64?, done: Int64 = 0, on line: TerminalLine,
        now: @escaping @Sendable () -> MonotonicTime
    ) {
        state = Mutex(ProgressState(title, unit, total: total, base: done, at: now()))
        self.line = line
        self.now = now
        isVisible = line.traits.canRewrite
    }

    deinit {
        finish()
    }

    /// Says how far it is; to be called now and then also when nothing has changed, so that rate and time are those of now.
    /// - Parameters:
    ///   - done: how much is done in all.
    ///   - total: where it has changed, or is known only now.
    ///   - share: from 0 to 1, where it is known in another way: the bytes of a file whose lines are not counted.
    public func update(_ done: Int64, of total: Int64? = nil, share: Double? = nil) {
        guard isVisible else { return }
        change { state, now in state.update(done, of: total, share: share, at: now) }
    }

    /// So many more are done.
    public func add(_ count: Int) {
        guard isVisible else { return }
        change { state, now in
            state.update(state.done.addingSaturated(Int64(count)), of: nil, share: nil, at: now)
        }
    }

    /// Removes the bar. Nothing is shown afterwards.
    public func finish() {
        if state.withLock({ $0.finish() }) { line.erase() }
    }

    private func change(_ body: (inout ProgressState, MonotonicTime) -> Bool) {
        let time = now()
        let shown = state.withLock { state in body(&state, time) ? state : nil }
        guard let shown else { return }
        line.draw(ProgressLine.text(shown, at: time, columns: line.traits.columns ?? 80))
        // It may have been finished meanwhile by another thread.
        if state.withLock(\.isFinished) { line.erase() }
    }
}
