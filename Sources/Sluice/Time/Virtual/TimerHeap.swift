/// Timers by the time at which they fall due, and by their order among those of one time.
struct TimerHeap<Action> {
    private struct Timer {
        let due: UInt64
        let number: UInt64
        let action: Action

        func isBefore(_ other: Timer) -> Bool { (due, number) < (other.due, other.number) }
    }

    /// Each is before its two children, at twice its place and one or two on.
    private var timers: [Timer] = []
    private var count: UInt64 = 0

    mutating func add(_ action: Action, at due: UInt64) {
        count += 1
        timers.append(Timer(due: due, number: count, action: action))
        var place = timers.count - 1
        while place > 0, timers[place].isBefore(timers[(place - 1) / 2]) {
            timers.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    /// Takes out all timers of the earliest time, without those that are over.
    /// - Returns: a time of nil when there are none.
    mutating func takeNext(unless isOver: (Action) -> Bool) -> (time: UInt64?, actions: [Action]) {
        var time: UInt64?
        var actions: [Action] = []
        while let next = timers.first, time == nil || next.due == time {
            removeFirst()
            guard !isOver(next.action) else { continue }
            time = next.due
            actions.append(next.action)
        }
        return (time, actions)
    }

    private mutating func removeFirst() {
        timers.swapAt(0, timers.count - 1)
        timers.removeLast()
        var place = 0
        while true {
            var least = place
            for child in [place * 2 + 1, place * 2 + 2]
            where child < timers.count && timers[child].isBefore(timers[least]) {
                least = child
            }
            guard least != place else { return }
            timers.swapAt(place, least)
            place = least
        }
    }
}
