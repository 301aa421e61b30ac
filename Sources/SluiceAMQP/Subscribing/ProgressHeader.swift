import Sluice

/// How far a message has come that waits for its next attempt, as a header: attempts, failed ones, throttled answers, the first
/// failure, when the next is due, and how long that was away. Times in milliseconds since 1970, the last in milliseconds.
enum ProgressHeader {
    /// No attempt is further away than this, by any header.
    private static let longest: Int64 = 30 * 86_400_000

    static func write(_ progress: Delivery.Progress) -> String {
        let numbers: [Int64] = [
            Int64(progress.attempts), Int64(progress.failedAttempts), Int64(progress.throttledAnswers),
            progress.firstFailure.millisecondsSince1970, progress.due.millisecondsSince1970,
            Int64(clamping: max(progress.wait, .zero).wholeNanoseconds / 1_000_000),
        ]
        return numbers.map(String.init).joined(separator: " ")
    }

    /// - Returns: nil for what is none: any publisher may have written it.
    static func read(_ value: AMQPValue?) -> Delivery.Progress? {
        guard case .text(let text)? = value else { return nil }
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        let numbers = parts.prefix(7).compactMap { Int64($0) }
        guard parts.count == 6, numbers.count == 6, numbers.allSatisfy({ $0 >= 0 }),
            numbers[0...2].allSatisfy({ $0 <= Int64(UInt32.max) })
        else { return nil }
        return Delivery.Progress(
            attempts: Int(numbers[0]), failedAttempts: Int(numbers[1]), throttledAnswers: Int(numbers[2]),
            firstFailure: Timestamp(millisecondsSince1970: numbers[3]),
            due: Timestamp(millisecondsSince1970: numbers[4]), wait: .milliseconds(min(numbers[5], longest)))
    }
}
