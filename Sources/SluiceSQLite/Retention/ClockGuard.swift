import Sluice
import Synchronization

/// What the log's threads know of the time: judged by the writer, asked by all.
final class ClockGuard: Sendable {
    let clock: LogClock
    private let slack: Int64
    private let observe: @Sendable (String?) -> Void
    private let state: Mutex<ClockJudge>

    init(_ configuration: SQLiteLog.Configuration) {
        clock = configuration.clock
        let limits = ClockJudge.Limits(configuration.retention)
        slack = limits.slack
        observe = configuration.retention.observer.clock
        state = Mutex(ClockJudge(limits: limits, memory: nil))
    }

    /// Why nothing is deleted by age; nil while the clock is believed.
    var doubt: ClockDoubt? { state.withLock(\.doubt) }

    /// What time it is; nil while that is in doubt, also before the writer has noticed.
    var trustedNow: Timestamp? {
        let (wall, elapsed) = (clock.wall(), milliseconds(clock.elapsed()))
        return state.withLock { judge in
            guard judge.doubt == nil, let estimate = judge.estimate(elapsed: elapsed) else { return nil }
            return abs(ClockJudge.difference(wall.millisecondsSince1970, estimate)) <= slack ? wall : nil
        }
    }

    /// From when a window is counted: a clock that is behind must not shorten it.
    var latestPlausible: Int64 {
        let (wall, elapsed) = (clock.wall().millisecondsSince1970, milliseconds(clock.elapsed()))
        return max(wall, state.withLock { $0.estimate(elapsed: elapsed) } ?? wall)
    }

    // MARK: The writer's

    func start(_ memory: ClockJudge.Memory?) {
        state.withLock { $0 = ClockJudge(limits: $0.limits, memory: memory) }
    }

    /// - Returns: what has to be remembered.
    func judge(newest: Int64?, isEmpty: Bool) -> ClockJudge.Memory? {
        let (wall, elapsed) = (clock.wall().millisecondsSince1970, milliseconds(clock.elapsed()))
        let (before, after, memory) = state.withLock { judge in
            let before = judge.doubt
            let after = judge.judge(wall: wall, elapsed: elapsed, newest: newest, isEmpty: isEmpty)
            return (before, after, judge.memory)
        }
        if (before == nil) != (after == nil) { observe(after?.description) }
        return memory
    }

    private func milliseconds(_ duration: Duration) -> Int64 {
        Int64(clamping: duration.wholeNanoseconds / 1_000_000)
    }
}

extension ClockJudge.Limits {
    fileprivate init(_ retention: SQLiteLog.Configuration.Retention) {
        self.init()
        probation = Int64(clamping: retention.clockProbation.wholeNanoseconds / 1_000_000)
        // A stop that is short beside what is kept does no harm when it was none.
        let ages = ([retention.age] + retention.topics.values.map(\.age)).compactMap(\.self)
        if let shortest = ages.min() {
            stop = min(stop, Int64(clamping: shortest.wholeNanoseconds / 2_000_000))
        }
    }
}
