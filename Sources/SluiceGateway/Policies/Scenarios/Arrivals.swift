import Sluice

/// Messages that come: at some times, or again and again, one or several at once.
struct Arrivals: Sendable {
    var at: [Duration] = [.zero]
    var every: Duration?
    var duration: Duration?
    var burst = 1
    var keys = ["acme/app"]
    var kind = Event.Kind.commitPushed
    var name: String?

    /// The moments at which some come.
    private var times: [Duration] {
        guard let every, let duration, every > .zero else { return at }
        let count = Int((duration / every).rounded(.up))
        return at.flatMap { start in (0..<count).map { start + every * $0 } }
    }

    /// How many there are; `Int.max` where that cannot be counted.
    var count: Int {
        var moments = Double(at.count)
        if let every, let duration, every > .zero { moments *= (duration / every).rounded(.up) }
        let count = moments * Double(burst)
        return count < 1e15 ? Int(count) : .max
    }

    var messages: [ScenarioMessage] {
        var messages: [ScenarioMessage] = []
        let isOne = count == 1
        for time in times {
            for _ in 0..<burst {
                let index = messages.count
                messages.append(
                    ScenarioMessage(
                        time: time, kind: kind, key: keys[index % keys.count],
                        name: name.map { isOne ? $0 : "\($0)-\(index + 1)" }))
            }
        }
        return messages
    }
}

extension Arrivals {
    /// `every 100ms for 10m`, `50 at 10s`, `at 5s`, with `from 1m` and `key acme/web` behind where wanted.
    init?(words text: String) {
        self.init()
        var words = text.split(separator: " ").map(String.init)[...]
        if let first = words.first, let count = NumberText.integer(first), count >= 1 {
            burst = count
            words = words.dropFirst()
        }
        guard !text.isEmpty, words.count % 2 == 0 else { return nil }
        while let word = words.popFirst(), let value = words.popFirst() {
            switch word {
            case "at", "from":
                guard let time = DurationText.parse(value) else { return nil }
                at = [time]
            case "every":
                guard let time = DurationText.parse(value), time > .zero else { return nil }
                every = time
            case "for":
                guard let time = DurationText.parse(value), time > .zero else { return nil }
                duration = time
            case "key": keys = [value]
            default: return nil
            }
        }
        guard (every == nil) == (duration == nil) else { return nil }
    }
}
