/// The limit of a ``Concurrency``, and what it is worked out from. A state machine: the caller brings the time.
///
/// By Little's law, a destination that works on K attempts at once and lets the rest queue takes n ÷ K times as long while n are
/// under way as it takes while few are: so K is about n × unhindered ÷ mean. Means are taken, and not the shortest of all, so that
/// durations may vary as they like; and of so many attempts each time, so that it needs the same number of them at any pace.
///
/// Attempts that began while all slots were in use move the limit to K and a little above, so that it notices when there is room
/// for more; only they let it grow. Those that began with slots left can show that it is far too high.
///
/// How long an attempt takes unhindered is what those take that begin while few are under way. Where all slots are always in use
/// there are none, so every so often a round is run with half the slots: otherwise a queue that is always there would be taken for
/// normal.
struct ConcurrencyBook: Sendable {
    enum Result: Sendable, Equatable {
        /// It was worked on.
        case answered
        /// It failed, or was asked to slow down.
        case failed
        /// It says nothing.
        case unknown
    }

    /// How an attempt began.
    struct Admission: Sendable, Equatable {
        let time: MonotonicTime
        /// How many were under way then, this one included.
        let among: Int
    }

    /// So many rounds are between two with half the slots.
    private static let roundsBetweenProbes = 16
    /// A mean is of so many attempts at least: fewer say little where durations vary.
    private static let roundSize = 24
    /// What a limit is multiplied with when attempts fail.
    private static let backOff = 0.7

    private var policy: Concurrency
    /// With its fraction, so that it can grow by less than one.
    private var limit: Double
    /// How long an attempt takes while few are under way, in seconds; 0 while that is unknown.
    private var unhindered = 0.0
    /// Whether that is only what the first attempts took.
    private var isGuessed = true
    /// Below this it doubles from round to round.
    private var threshold: Double
    /// Whether it has grown since an attempt last failed.
    private var hasGrown = true
    /// Attempts that began earlier and failed have been counted.
    private var lastCut = MonotonicTime(nanoseconds: 0)
    private var isProbing = false
    /// Since the last one with half the slots. The first of those comes soon.
    private var rounds = roundsBetweenProbes - 2
    /// So many attempts of before the round's limit have still to end.
    private var skipped = 0
    /// Attempts that began while all slots were in use.
    private var full = Sample()
    /// Attempts that began with slots left.
    private var partial = Sample()
    /// Attempts that began while few were under way.
    private var few = Sample()

    init(_ policy: Concurrency) {
        self.policy = policy
        limit = Double(policy.limit)
        threshold = Double(policy.maximum)
    }

    /// How many may be under way now.
    var slots: Int {
        guard policy.mode == .adaptive else { return policy.limit }
        return max(1, Int(isProbing ? limit / 2 : limit))
    }

    /// - Parameter inUse: how many were under way at the end, this one included.
    mutating func ended(_ result: Result, _ admission: Admission, inUse: Int, at now: MonotonicTime) {
        guard policy.mode == .adaptive, result != .unknown else { return }
        guard result == .answered else { return cut(admission.time, inUse, now) }
        let duration = Double(now.nanoseconds(since: admission.time)) / 1e9
        if admission.among <= max(1, Int(limit / 8)) {
            few.add(duration, admission.among)
            if few.count >= Self.roundSize { measured(few.takeMean().duration) }
        }
        guard skipped == 0 else {
            skipped -= 1
            return
        }
        if admission.among >= slots {
            full.add(duration, admission.among)
            if full.count >= max(slots, Self.roundSize) { finishRound(inUse) }
        } else if !isProbing, !isGuessed, Double(admission.among) > limit / 4 {
            partial.add(duration, admission.among)
            if partial.count >= Self.roundSize { lower(inUse) }
        }
    }

    /// Goes by another policy from now on. What was found out is kept, as far as that allows.
    mutating func update(_ policy: Concurrency) {
        guard policy != self.policy else { return }
        if policy.mode == .fixed || self.policy.mode == .fixed {
            self = ConcurrencyBook(policy)
        } else {
            self.policy = policy
            limit = min(limit, Double(policy.maximum))
            threshold = Double(policy.maximum)
        }
    }

    private mutating func cut(_ begun: MonotonicTime, _ inUse: Int, _ now: MonotonicTime) {
        // Those that were under way together are one.
        guard begun >= lastCut else { return }
        lastCut = now
        // While nothing works at all, what was found out before is kept.
        if hasGrown { threshold = limit * Self.backOff }
        hasGrown = false
        limit = max(1, limit * Self.backOff)
        startRound(isProbe: false, skipping: inUse - 1)
    }

    /// An attempt takes so long while few are under way.
    private mutating func measured(_ mean: Double) {
        // What was taken for unhindered was not. Perhaps this is not either: the next look comes soon.
        let isNews = isGuessed || mean < unhindered * 0.75
        if isNews { rounds = Self.roundsBetweenProbes - 2 }
        unhindered = isNews ? mean : (unhindered + mean) / 2
        isGuessed = false
    }

    private mutating func finishRound(_ inUse: Int) {
        let mean = full.takeMean().duration
        guard !isProbing else {
            rounds = 0
            measured(mean)
            return startRound(isProbe: false, skipping: inUse)
        }
        // The first is as good as any until another is known.
        if unhindered == 0 { unhindered = mean }
        adapt(mean)
        rounds += 1
        let isProbe = rounds >= Self.roundsBetweenProbes && limit >= 2
        startRound(isProbe: isProbe, skipping: isProbe ? inUse : 0)
    }

    private mutating func adapt(_ mean: Double) {
        hasGrown = true
        let room = Self.room(limit)
        let fits = mean > 0 ? limit * min(2, unhindered / mean) : limit
        if limit < threshold, fits > limit * 0.7 {
            limit = min(limit * 2, max(threshold, limit + room))
        } else {
            threshold = 0
            // Half of the way at once: one round says little where durations vary.
            limit += (fits + room - limit) / 2
        }
        limit = min(max(limit, 1), Double(policy.maximum))
    }

    /// Fewer than all slots were in use, and attempts took long all the same?
    private mutating func lower(_ inUse: Int) {
        let (duration, among) = partial.takeMean()
        guard duration > unhindered * 1.5 else { return }
        let fits = among * unhindered / duration
        let aim = fits + Self.room(fits)
        guard aim < limit else { return }
        threshold = 0
        limit = max(1, limit + (aim - limit) / 2)
        startRound(isProbe: false, skipping: inUse)
    }

    /// How far above what fits it stays.
    private static func room(_ limit: Double) -> Double { max(0.5, limit / 20) }

    private mutating func startRound(isProbe: Bool, skipping: Int) {
        isProbing = isProbe
        skipped = max(0, skipping)
        full = Sample()
        partial = Sample()
    }

    /// Some attempts, of which only the means count.
    private struct Sample {
        private(set) var count = 0
        private var duration = 0.0
        private var among = 0.0

        mutating func add(_ duration: Double, _ among: Int) {
            count += 1
            self.duration += duration
            self.among += Double(among)
        }

        mutating func takeMean() -> (duration: Double, among: Double) {
            defer { self = Sample() }
            let count = Double(max(count, 1))
            return (duration / count, among / count)
        }
    }
}
