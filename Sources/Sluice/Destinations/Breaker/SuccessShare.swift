/// The share of messages that succeeded in the last window, from sums that are only looked up now and then.
///
/// Between two looks successes are taken to have come evenly.
struct SuccessShare: Sendable {
    private struct Sample: Sendable {
        let time: MonotonicTime
        let successes: Int64
        let failures: Int64
    }

    /// No two samples are nearer than this part of the window, so that there are few.
    private static let parts = 32

    /// Ascending by time, never empty. One at most is older than the window.
    private var samples: [Sample]

    init(at now: MonotonicTime, successes: Int64) {
        samples = [Sample(time: now, successes: successes, failures: 0)]
    }

    /// A look at the sums: so many have succeeded in all, and one more has failed, or none.
    mutating func add(successes: Int64, failures: Int64, window: Duration, at now: MonotonicTime) {
        let (begin, last) = (Self.begin(window, now), samples[samples.count - 1])
        while samples.count > 1, samples[1].time <= begin { samples.removeFirst() }
        let sample = Sample(
            time: now, successes: max(successes, last.successes), failures: last.failures.addingSaturated(failures))
        let step = window / Self.parts
        if samples.count > 1, samples[samples.count - 2].time.advanced(by: step) > now {
            samples[samples.count - 1] = sample
        } else {
            samples.append(sample)
        }
    }

    /// - Returns: the share, and about of how many.
    func read(window: Duration, at now: MonotonicTime) -> (share: Double, of: Double) {
        let (first, last) = (samples[0], samples[samples.count - 1])
        var before = Double(first.successes)
        if samples.count > 1 {
            let age = Double(Self.begin(window, now).nanoseconds(since: first.time))
            let gap = Double(max(samples[1].time.nanoseconds(since: first.time), 1))
            before += Double(samples[1].successes - first.successes) * min(age / gap, 1)
        }
        let successes = Double(last.successes) - before
        let sum = successes + Double(last.failures - first.failures)
        return (sum > 0 ? successes / sum : 1, sum)
    }

    private static func begin(_ window: Duration, _ now: MonotonicTime) -> MonotonicTime {
        MonotonicTime(nanoseconds: now.nanoseconds.subtractingSaturated(window.wholeNanoseconds))
    }
}
