import Sluice

/// How much has gone through a box of the status page: a rate, and a count for each minute of the last hour.
struct FlowHistory: Sendable {
    /// What the rate is taken over.
    static let window = Duration.seconds(15)
    static let minutes = 60
    private static let minute = Duration.seconds(60)

    /// The totals of the last ``window``, and the one before it.
    private var recent: [(time: MonotonicTime, total: Int64)] = []
    /// Whole minutes, the oldest first; the one that is under way is not among them.
    private var past: [Int64] = []
    private var minute: (start: MonotonicTime, total: Int64)?

    mutating func note(_ total: Int64, at now: MonotonicTime) {
        recent.append((now, total))
        while recent.count > 2, recent[1].time.duration(to: now) >= Self.window { recent.removeFirst() }
        guard var minute else { return minute = (now, total) }
        while minute.start.duration(to: now) >= Self.minute {
            // A process that slept sees the whole count in one minute, and none in the others.
            past.append(max(0, total.subtractingSaturated(minute.total)))
            minute = (minute.start.advanced(by: Self.minute), total)
            if past.count >= Self.minutes { past.removeFirst(past.count - Self.minutes + 1) }
        }
        self.minute = minute
    }

    func flow(_ total: Int64, at now: MonotonicTime) -> Snapshot.Flow {
        var flow = Snapshot.Flow(total: total)
        if let first = recent.first {
            let seconds = first.time.duration(to: now).inSeconds
            let count = max(0, total.subtractingSaturated(first.total))
            if seconds >= 0.5 { flow.perSecond = Double(count) / seconds }
        }
        let current = minute.map { max(0, total.subtractingSaturated($0.total)) } ?? 0
        flow.minutes = past + [current]
        return flow
    }
}
