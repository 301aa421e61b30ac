package import Logging
import Synchronization

/// What was logged of failures that are tried again, so that each kind of them is told once while it lasts, and not once
/// for each attempt.
package final class FailureDiary: Sendable {
    /// More subjects, or kinds of failures, than there are.
    private static let limit = 1_000
    /// What did not happen for so long was over.
    private static let silence: Duration = .seconds(300)

    private let told = Mutex<[String: [String: MonotonicTime]]>([:])
    /// A bit for each subject in it, which some share. What works is asked for again and again, by all clients of a
    /// configuration: with a lock for each question they would stand in line on a busy machine, and the line would not end.
    private let subjects = Atomic<UInt64>(0)

    package init() {}

    /// Whether a failure has not been told of yet.
    /// - Parameters:
    ///   - kind: failures of one kind are one.
    ///   - subject: what fails, such as a broker.
    package func isNew(_ kind: String, of subject: String = "", at now: MonotonicTime = .now()) -> Bool {
        told.withLock { told in
            guard told.count < Self.limit || told[subject] != nil else { return false }
            var kinds = told[subject] ?? [:]
            defer {
                told[subject] = kinds
                subjects.bitwiseOr(Self.bit(of: subject), ordering: .relaxed)
            }
            guard kinds.count < Self.limit || kinds[kind] != nil else { return false }
            let last = kinds.updateValue(now, forKey: kind)
            return last.map { now >= $0.advanced(by: Self.silence) } ?? true
        }
    }

    /// Logs a failure when it is new, and for those who debug each time.
    /// - Parameter kind: the error's text unless given.
    package func log(
        _ text: Logger.Message, _ error: any Error, kind: String? = nil, of subject: String = "",
        at now: MonotonicTime = .now(), level: Logger.Level = .warning, metadata: Logger.Metadata = [:],
        to logger: Logger
    ) {
        let isNew = isNew(kind ?? "\(error)", of: subject, at: now)
        logger.log(level: isNew ? level : .debug, text, metadata: metadata.merging(["error": "\(error)"]) { $1 })
    }

    /// Logs that it works again, where it was told that it did not.
    package func logEnd(
        _ text: Logger.Message, of subject: String = "", metadata: Logger.Metadata = [:], to logger: Logger
    ) {
        if ended(of: subject) { logger.notice(text, metadata: metadata) }
    }

    /// It works again.
    /// - Returns: whether it was told that it did not.
    package func ended(of subject: String = "") -> Bool {
        guard subjects.load(ordering: .relaxed) & Self.bit(of: subject) != 0 else { return false }
        return told.withLock { told in
            guard told.removeValue(forKey: subject) != nil else { return false }
            subjects.store(told.keys.reduce(0) { $0 | Self.bit(of: $1) }, ordering: .relaxed)
            return true
        }
    }

    private static func bit(of subject: String) -> UInt64 {
        // FNV-1a: `Hasher` costs more than the lock.
        let hash = subject.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        return 1 << (hash >> 58)
    }
}
