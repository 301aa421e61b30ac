import Logging

/// What is worth knowing of where the readers of the queue began. It stands in `/readyz` as long as they run.
struct ReaderIntroductions: Sendable {
    private var found: [(route: String, note: String)] = []

    var notes: [String] { found.map { "\($0.route): \($0.note)" } }

    /// A reader was not there before.
    /// - Parameter skipped: how many events lie before its beginning. Of 0 there is nothing to say.
    mutating func isNew(_ route: String, skipping skipped: Int64, _ logger: Logger) {
        guard skipped > 0 else { return }
        let note = "is new here and begins behind the \(skipped) events that were there before it"
        set(note, of: route)
        logger.notice("\(note)", metadata: ["route": "\(route)"])
    }

    /// A reader was there before, and the queue holds no position of it.
    mutating func isLost(_ route: String, waiting: Int64, _ logger: Logger) {
        guard waiting > 0 else { return }
        let note =
            "has no position on Kafka: it expired, or the topic or the group was renamed; "
            + "it begins with the oldest of \(waiting) events, and what was delivered before is recognised"
        set(note, of: route)
        logger.warning("\(note)", metadata: ["route": "\(route)"])
    }

    /// The reader is gone.
    mutating func forget(_ route: String) {
        found.removeAll { $0.route == route }
    }

    private mutating func set(_ note: String, of route: String) {
        forget(route)
        found.append((route, note))
    }
}
