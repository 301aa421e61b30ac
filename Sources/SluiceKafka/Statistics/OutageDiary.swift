import Sluice
import Synchronization

/// What was logged of brokers that cannot be reached, so that each kind of failure is told once while it lasts, and not
/// once for each attempt and client. The clients of one configuration share it.
final class OutageDiary: Sendable {
    /// More brokers, or kinds of failures, than there are.
    private static let limit = 1_000
    /// What did not happen for so long was over.
    private static let silence: Duration = .seconds(300)

    private let told = Mutex<[String: [String: MonotonicTime]]>([:])

    /// Whether a failure has not been told of yet.
    /// - Parameters:
    ///   - kind: failures of one kind are one.
    ///   - broker: empty for what concerns no single one.
    func isNew(_ kind: String, of broker: String, at now: MonotonicTime = .now()) -> Bool {
        told.withLock { told in
            guard told.count < Self.limit || told[broker] != nil else { return false }
            var kinds = told[broker] ?? [:]
            defer { told[broker] = kinds }
            guard kinds.count < Self.limit || kinds[kind] != nil else { return false }
            let last = kinds.updateValue(now, forKey: kind)
            return last.map { now >= $0.advanced(by: Self.silence) } ?? true
        }
    }

    /// The broker is reached.
    /// - Returns: whether it was told that it was not.
    func ended(of broker: String) -> Bool {
        told.withLock { told in told.isEmpty ? false : told.removeValue(forKey: broker) != nil }
    }

    /// The broker's `host:port` in one of librdkafka's names, such as `ssl://b.example:9093/bootstrap`, or in an error
    /// that begins with one.
    static func broker(in text: String) -> String {
        // Errors of no broker begin with a sentence.
        var name = text.prefix { $0 != " " }
        guard name.count == text.count || name.last == ":" else { return "" }
        if let scheme = name.firstRange(of: "://") { name = name[scheme.upperBound...] }
        if let end = name.firstIndex(of: "/") { return String(name[..<end]) }
        return String(name.last == ":" ? name.dropLast() : name)
    }
}
