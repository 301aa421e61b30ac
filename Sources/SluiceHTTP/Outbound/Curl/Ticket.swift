import Sluice
import Synchronization

/// What a caller and the client's thread share of one request.
final class Ticket: Sendable {
    let request: HTTPClient.Request
    let submitted: MonotonicTime
    let deadline: MonotonicTime
    private let cancelled = Atomic<Bool>(false)

    init(_ request: HTTPClient.Request, submitted: MonotonicTime, deadline: MonotonicTime) {
        self.request = request
        self.submitted = submitted
        self.deadline = deadline
    }

    var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

    /// The thread may learn of it before it learns of the request itself.
    func cancel() {
        cancelled.store(true, ordering: .relaxed)
    }
}

/// How a request ended.
struct Completion: Sendable {
    let result: Result<HTTPClient.Response, HTTPClientError>
    /// When it was given to a connection; nil when it never was.
    let started: MonotonicTime?
}
