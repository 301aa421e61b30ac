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

    package init() {}

    /// Whether a failure has not been told of yet.
    /// - Parameters:
    ///   - kind: failures of one kind are one.
    ///   - subject: what fails, such as a broker.
    package func isNew(_ kind: String, of subject: String = "", at now: MonotonicTime = .now()) -> Bool {
        told.withLock { told in
            guard told.count < Self.limit || told[subject] != nil else { return false }
            var kinds = told[subject] ?? [:]
            defer { told[subject] = kinds }
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
        told.withLock { told in told.isEmpty ? false : told.removeValue(forKey: subject) != nil }
    }
}
