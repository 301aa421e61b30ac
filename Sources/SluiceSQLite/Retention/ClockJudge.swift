import Sluice

/// Says whether the wall clock may be believed: a clock that is wrong by days must not delete anything.
///
/// It compares the wall clock with the time that was known last plus the time that has run since, and with the newest
/// message. When they disagree, it doubts until they agree again, or until the clock has run steadily for
/// ``Limits/probation``: a machine may really have been switched off for months. A state machine without I/O; all times
/// are milliseconds, those of the wall since 1970.
struct ClockJudge {
    struct Limits: Equatable {
        /// How far the clocks may differ while the program runs: time servers correct by less.
        var slack: Int64 = 15 * 60_000
        /// How long the program may have been stopped without a doubt.
        var stop: Int64 = 86_400_000
        /// How long the clock must have run steadily before it is believed in spite of a doubt.
        var probation: Int64 = 86_400_000
    }

    /// What outlives the process.
    struct Memory: Equatable {
        /// The time that was known last; in doubt, what it should be by the time that has run.
        var believed: Int64
        /// What the wall clock said then.
        var wall: Int64
        /// How long the clock has run steadily in doubt.
        var doubtedFor: Int64 = 0
        /// The time of a newest message that is known to be wrong.
        var overruled: Int64 = .min
    }

    let limits: Limits
    private(set) var memory: Memory?
    private(set) var doubt: ClockDoubt?
    /// When it was last judged, by the clock that only runs.
    private var judgedAt: Int64?
    /// Until then it is not known for how long the program was stopped.
    private var hasAgreed = false

    init(limits: Limits, memory: Memory?) {
        self.limits = limits
        self.memory = memory
    }

    /// - Parameters:
    ///   - newest: the time of the newest message; nil when there is none.
    ///   - isEmpty: whether there is nothing yet that a wrong clock could delete.
    mutating func judge(wall: Int64, elapsed: Int64, newest: Int64?, isEmpty: Bool) -> ClockDoubt? {
        let isFirst = judgedAt == nil
        let passed = max(0, Self.difference(elapsed, judgedAt ?? elapsed))
        judgedAt = elapsed
        // A file of an earlier schema knows no more than its newest message.
        var memory = memory ?? Memory(believed: isEmpty ? wall : newest ?? 0, wall: wall)
        let estimate = memory.believed.addingSaturated(passed)
        let reason = reason(wall, estimate, newest, memory)
        guard let reason else {
            hasAgreed = true
            self.memory = Memory(believed: wall, wall: wall, overruled: memory.overruled)
            doubt = nil
            return nil
        }
        let drift = Self.difference(wall, memory.wall.addingSaturated(passed))
        let isSteady = drift >= -limits.slack && drift <= (isFirst ? max(limits.slack, limits.stop) : limits.slack)
        let doubtedFor = isSteady ? memory.doubtedFor.addingSaturated(passed) : 0
        memory = Memory(
            believed: estimate, wall: wall, doubtedFor: max(0, doubtedFor), overruled: memory.overruled)
        if memory.doubtedFor >= limits.probation {
            hasAgreed = true
            memory.believed = wall
            memory.doubtedFor = 0
            if let newest, Self.difference(newest, wall) > limits.slack { memory.overruled = newest }
            doubt = nil
        } else {
            doubt = ClockDoubt(reason: reason, left: limits.probation - memory.doubtedFor)
        }
        self.memory = memory
        return doubt
    }

    /// What the time should be, by the time that has run; nil before the first judgement.
    func estimate(elapsed: Int64) -> Int64? {
        guard let memory, let judgedAt else { return nil }
        return memory.believed.addingSaturated(max(0, Self.difference(elapsed, judgedAt)))
    }

    private func reason(
        _ wall: Int64, _ estimate: Int64, _ newest: Int64?, _ memory: Memory
    ) -> ClockDoubt.Reason? {
        let difference = Self.difference(wall, estimate)
        if difference < -limits.slack { return .behind(-difference) }
        if let newest, newest != memory.overruled, Self.difference(newest, wall) > limits.slack {
            return .behindNewest(Self.difference(newest, wall))
        }
        guard difference > (hasAgreed ? limits.slack : max(limits.slack, limits.stop)) else { return nil }
        return estimate <= 0 ? .unknown : .ahead(difference)
    }

    /// Times come from a file and a clock that may say anything.
    static func difference(_ left: Int64, _ right: Int64) -> Int64 {
        let (result, overflow) = left.subtractingReportingOverflow(right)
        // Never the smallest integer, which cannot be negated.
        return overflow ? (left < right ? -.max : .max) : max(result, -.max)
    }
}

/// Why the clock is not believed.
struct ClockDoubt: Equatable, CustomStringConvertible {
    enum Reason: Equatable {
        case ahead(Int64), behind(Int64), behindNewest(Int64)
        /// There is nothing to compare it with.
        case unknown
    }

    var reason: Reason
    /// How long it still has to run steadily to be believed.
    var left: Int64

    var description: String {
        let problem =
            switch reason {
            case .ahead(let by): "it is \(Self.words(by)) ahead of the time that was known last"
            case .behind(let by): "it is \(Self.words(by)) behind the time that was known last"
            case .behindNewest(let by): "it is \(Self.words(by)) behind the newest message"
            case .unknown: "there is no earlier time to compare it with"
            }
        return """
            the system clock is not believed: \(problem); nothing is deleted by age until they agree, or the clock has \
            run steadily for \(Self.words(left)) more
            """
    }

    private static func words(_ milliseconds: Int64) -> String {
        let (minutes, hours, days) = (milliseconds / 60_000, milliseconds / 3_600_000, milliseconds / 86_400_000)
        if days >= 2 { return "\(days) days" }
        if hours >= 2 { return "\(hours) hours" }
        return "\(max(1, minutes)) minutes"
    }
}
