import DequeModule
import Sluice

/// How often the messages that waited here have been delivered, and how far they have come: a queue that is no quorum queue says
/// only that a delivery is not the first, and without a count each would wait as shortly as the second time.
final class AttemptMemory {
    /// More are not rejected and given back at once, as a rule: no more are out.
    private static let limit = 1_024

    private var attempts: [Int: (count: Int, progress: Delivery.Progress?)] = [:]
    private var order = Deque<Int>()

    /// A message goes back to its queue after this attempt.
    func note(_ attempt: Int, _ progress: Delivery.Progress?, of original: Feed.Original) {
        let key = Self.key(original)
        if attempts.updateValue((attempt, progress), forKey: key) == nil { order.append(key) }
        while order.count > Self.limit, let oldest = order.popFirst() { attempts[oldest] = nil }
    }

    /// Corrects the count of a message that came again.
    func count(_ incoming: inout Incoming) {
        guard !attempts.isEmpty, let before = attempts[Self.key(incoming.original)] else { return }
        incoming.origin.attempt = max(incoming.origin.attempt, before.count + 1)
        incoming.origin.progress = before.progress ?? incoming.origin.progress
    }

    /// Two messages that are the same in every byte count as one, which makes one of them wait for longer.
    private static func key(_ original: Feed.Original) -> Int {
        var hasher = Hasher()
        hasher.combine(original.properties)
        hasher.combine(original.body)
        return hasher.finalize()
    }
}
