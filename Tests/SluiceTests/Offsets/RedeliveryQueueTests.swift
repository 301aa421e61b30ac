import Sluice
import Testing

struct RedeliveryQueueTests {
    /// What can happen to a queue of three messages.
    private enum Step: CaseIterable {
        case rejectFirst, rejectSecondAtOnce, rejectThirdForLong, pass, takeOne, takeAll, hasten, dropSecond
    }

    /// The same as a plain list, which is looked through each time.
    private struct Model {
        var waiting: [(due: UInt64, place: Int64)] = []

        mutating func take(now: UInt64, limit: Int) -> [Int64] {
            let due = waiting.filter { $0.due <= now }.sorted { ($0.due, $0.place) < ($1.due, $1.place) }.prefix(limit)
            waiting.removeAll { waiting in due.contains { $0.place == waiting.place } }
            return due.map(\.place)
        }
    }

    /// Every order of four steps, from an empty queue, and from one in which all three wait.
    @Test func deliversEachMessageOnceWhenItIsDueWhateverHappens() {
        let steps = Step.allCases
        for start in [[], [.rejectThirdForLong, .rejectFirst, .rejectSecondAtOnce]] as [[Step]] {
            for number in 0..<(steps.count * steps.count * steps.count * steps.count) {
                var rest = number
                var path = start
                for _ in 0..<4 {
                    path.append(steps[rest % steps.count])
                    rest /= steps.count
                }
                if let fault = fault(of: path) {
                    Issue.record("\(path): \(fault)")
                    return
                }
            }
        }
    }

    private func fault(of path: [Step]) -> String? {
        var queue = RedeliveryQueue<Int64>()
        var model = Model()
        var now: UInt64 = 1_000
        func reject(_ place: Int64, _ delay: Duration?, due: UInt64) {
            guard !model.waiting.contains(where: { $0.place == place }) else { return }
            queue.reject(-place, at: place, attempt: 2, after: delay, now: MonotonicTime(nanoseconds: now))
            model.waiting.append((due, place))
        }
        for step in path {
            var taken: [RedeliveryQueue<Int64>.Entry] = []
            var expected: [Int64] = []
            switch step {
            case .rejectFirst: reject(1, nil, due: now + 1_000_000)
            case .rejectSecondAtOnce: reject(2, .zero, due: 0)
            case .rejectThirdForLong: reject(3, .milliseconds(2), due: now + 2_000_000)
            case .pass: now += 1_000_000
            case .takeOne, .takeAll:
                let limit = step == .takeOne ? 1 : 9
                taken = queue.takeDue(now: MonotonicTime(nanoseconds: now), limit: limit)
                expected = model.take(now: now, limit: limit)
            case .hasten:
                queue.hasten()
                model.waiting = model.waiting.map { (0, $0.place) }
            case .dropSecond:
                queue.removeAll { $0.place == 2 }
                model.waiting.removeAll { $0.place == 2 }
            }
            if taken.map(\.place) != expected { return "took \(taken.map(\.place)) instead of \(expected)" }
            if taken.contains(where: { $0.item != -$0.place }) { return "took another's item" }
            if queue.nextDue?.nanoseconds != model.waiting.map(\.due).min() { return "is next due at another time" }
            if queue.count != model.waiting.count { return "holds \(queue.count)" }
        }
        return nil
    }

    @Test func takesBackWhatCouldNotBeDeliveredInItsPlace() {
        var queue = RedeliveryQueue<Int>()
        let now = MonotonicTime(nanoseconds: 50)
        for place: Int64 in [3, 1, 2] { queue.insert(.init(0, at: place)) }
        queue.insert(.init(0, at: 0, due: now))
        let due = queue.takeDue(now: now, limit: 3)
        #expect(due.map(\.place) == [1, 2, 3])
        for entry in due.reversed() { queue.insert(entry) }
        #expect(queue.takeDue(now: now, limit: 0).isEmpty && queue.takeDue(now: .longAgo).count == 3)
        #expect(queue.takeDue(now: now).map(\.place) == [0] && queue.isEmpty && queue.nextDue == nil)
    }

    @Test func waitsLongerAfterEachAttemptUpToALimit() {
        let waits = (0...13).map { RedeliveryPacing().delay(afterAttempt: $0) }
        #expect(waits == [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_000, 1_000].map(Duration.milliseconds))
        let own = RedeliveryPacing(from: .seconds(3), upTo: .seconds(10))
        #expect((1...4).map { own.delay(afterAttempt: $0) } == [0, 3, 6, 10].map(Duration.seconds))
    }

    /// Numbers of attempts come from brokers, and waits from a configuration.
    @Test(arguments: [Int.min, -1, 41, 64, Int.max]) func anyNumberOfAttemptsHasAWait(attempt: Int) {
        for pacing in [
            RedeliveryPacing(), RedeliveryPacing(from: .zero, upTo: .zero),
            RedeliveryPacing(from: .seconds(Int64.max), upTo: .seconds(Int64.max)),
        ] {
            #expect(pacing.delay(afterAttempt: attempt) >= .zero)
        }
    }
}
