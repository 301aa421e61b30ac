/// What a message waits for that its route keeps, until its next pass through the chain. Indirect, since each
/// parcel has room for one and most never rest.
indirect enum Rest: Sendable {
    /// It goes on from where its source says, or waits for a permit of its destination alone.
    case until(MonotonicTime)
    /// It was rejected.
    case rejected(RejectionWait)
    /// It waits for its next attempt, and has freed its worker.
    case retry(RetryWait)

    /// When it is over, by the policies of now.
    func due(_ delivery: Delivery) -> MonotonicTime {
        switch self {
        case .until(let due): due
        case .rejected(let wait): wait.due
        case .retry(let wait):
            switch wait.verdict(delivery.trace.noteFailure(at: wait.start)) {
            case .due(let due): due
            // Retry says so itself, in the next pass.
            case .exhausted, .tooLong: wait.start
            }
        }
    }

    /// Of the policies that it follows from.
    var bells: [ChangeBell] {
        switch self {
        case .until: []
        case .rejected(let wait): wait.bells
        case .retry(let wait): wait.bells
        }
    }

    var wait: RetryWait? {
        if case .retry(let wait) = self { wait } else { nil }
    }
}
