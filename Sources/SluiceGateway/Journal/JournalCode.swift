import Sluice

/// How a row of the journal's file says how an attempt or a delivery ended.
struct JournalCode: Sendable, Hashable {
    let number: Int64

    /// Attempts come first, and then the ends of deliveries.
    private static let words: [String] = [
        "success", "failure", "throttled", "held", "refused", "interrupted", "acked", "rejected", "poisoned",
        "discarded",
        "deduplicated", "revoked", "handed_back", "filtered",
    ]
    private static let firstEnd: Int64 = 6

    init(_ result: AttemptResult?) {
        number =
            switch result {
            case .success: 0
            case .failure: 1
            case .throttled: 2
            case .held: 3
            case .refused: 4
            case nil: 5
            }
    }

    init(_ outcome: DeliveryOutcome) {
        number =
            switch outcome {
            case .acked: 6
            case .rejected: 7
            case .poisoned: 8
            case .discarded: 9
            case .deduplicated: 10
            case .revoked: 11
            case .handedBack: 12
            case .filtered: 13
            }
    }

    /// - Parameter number: what a file says; a newer version may say more.
    init(number: Int64) { self.number = number }

    var word: String {
        Self.words.indices.contains(Int(clamping: number)) ? Self.words[Int(clamping: number)] : "unknown"
    }

    var isAttempt: Bool { number < Self.firstEnd }
    var isSuccess: Bool { number == 0 }
    /// Whether it is an attempt that the destination did not take.
    var isFailure: Bool { (1...4).contains(number) }
}
