import Sluice

/// The queues in which rejected messages wait: each for its own delay, after which the broker puts its messages back
/// into the queue that they came from.
struct RetryTiers: Sendable {
    /// Ascending, in milliseconds.
    let delays: [Int64]

    /// - Parameter maximum: no tier is longer.
    init(upTo maximum: Duration) {
        let limit = max(1, Int64(clamping: maximum.wholeNanoseconds / 1_000_000))
        let steps: [Int64] = [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000]
        let fitting = steps.filter { $0 < limit }
        delays = fitting + [limit]
    }

    /// The shortest tier that waits at least as long, or the longest there is.
    func delay(atLeast wanted: Duration) -> Int64 {
        let nanoseconds = wanted.wholeNanoseconds
        let wanted = Int64(clamping: nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 == 0 ? 0 : 1))
        return delays.first { $0 >= wanted } ?? delays.last ?? wanted
    }

    /// What stands between the names of a source queue and a delay.
    static let infix = ".retry."

    /// The tier of a source queue.
    static func queue(of source: Layout.Queue, delay: Int64) -> Layout.Queue {
        var arguments: AMQPTable = [
            "x-message-ttl": .int64(delay),
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": .text(source.name),
            // A tier that is not used any more goes; one that is, is declared again long before.
            "x-expires": .int64(expiry(ofTier: delay)),
        ]
        let isQuorum = source.arguments["x-queue-type"] == "quorum"
        if isQuorum {
            arguments["x-queue-type"] = "quorum"
            // The copy leaves the tier only when the source has it.
            arguments["x-dead-letter-strategy"] = "at-least-once"
            arguments["x-overflow"] = "reject-publish"
        }
        return Layout.Queue(
            name: "\(source.name)\(infix)\(delay)", isDurable: source.isDurable, isAutoDeleted: false,
            isExclusive: false, arguments: arguments)
    }

    /// After what time a tier goes that is not declared again: never while a message waits in it, because it is declared
    /// again when its last declaration is older than ``declarationLife``.
    private static func expiry(ofTier delay: Int64) -> Int64 {
        delay * 2 + 600_000
    }

    static let declarationLife = Duration.seconds(60)
}
