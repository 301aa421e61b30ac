import Sluice
import Synchronization

/// What one call of `publish` waits for: a report on each of its messages.
///
/// librdkafka carries the address of one of its tokens with each message. The call keeps itself and them alive until
/// the last report is in, whether the caller still waits or not. A token is written before it is lent, by one thread at a
/// time: hence `@unchecked`.
final class PublishCall: @unchecked Sendable {
    /// Tells whose report it is.
    struct Token {
        let call: Unmanaged<PublishCall>
        let index: Int
        /// Headers that wait for librdkafka to make its message: the publish's own until that is under way.
        var headers: OpaquePointer?
    }

    private struct State {
        var waiter: UnsafeContinuation<Void, Never>?
        var isComplete = false
        var isAbandoned = false
        var failures: [(index: Int, error: any Error)] = []
    }

    private let tokens: UnsafeMutablePointer<Token>
    private let outstanding: Atomic<Int>
    private let client: ProducerClient
    private let state = Mutex(State())

    /// - Parameters:
    ///   - count: how many messages are to be reported on; at least 1.
    ///   - client: entered for this call, and left with the last report.
    init(_ count: Int, _ client: ProducerClient) {
        // One more for the way into the queue: a report may come before librdkafka's function has returned, and the
        // client must not end under it.
        outstanding = Atomic(count + 1)
        self.client = client
        tokens = .allocate(capacity: count)
        let call = Unmanaged.passRetained(self)
        for index in 0..<count { (tokens + index).initialize(to: Token(call: call, index: index)) }
    }

    deinit {
        tokens.deallocate()
    }

    /// What librdkafka gives back with the report on this message.
    func token(_ index: Int) -> UnsafeMutablePointer<Token> { tokens + index }

    /// Notes why a message was not accepted; it still has to be settled.
    func fail(_ index: Int, _ error: any Error) {
        state.withLock { $0.failures.append((index, error)) }
    }

    /// So many messages have been reported on, or the last has been put into the queue, which counts as one more. After
    /// all of these the call is over.
    func settle(_ count: Int) {
        guard count > 0, outstanding.subtract(count, ordering: .acquiringAndReleasing).newValue == 0 else { return }
        let waiter = state.withLock { state in
            state.isComplete = true
            return state.waiter.take()
        }
        client.leave()
        waiter?.resume()
        Unmanaged.passUnretained(self).release()
    }

    /// Returns when the last report is in, or when the task is cancelled.
    func wait() async {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let isOver = state.withLock { state in
                    if !state.isComplete && !state.isAbandoned { state.waiter = continuation }
                    return state.waiter == nil
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.isAbandoned = true
                return state.waiter.take()
            }
            waiter?.resume()
        }
    }

    /// - Throws: `PublishError`, or `CancellationError` where reports are missing.
    func outcome(for messages: [Message]) throws {
        let failures = try state.withLock { state in
            guard state.isComplete else { throw CancellationError() }
            return state.failures
        }
        guard !failures.isEmpty else { return }
        if failures.contains(where: { $0.error is CancellationError }) { throw CancellationError() }
        let ordered = failures.sorted { $0.index < $1.index }
        // Where only some can never be taken, the others deserve another attempt.
        let transient = ordered.first { !Disposition(of: $0.error).isPermanent }
        throw PublishError(
            notAccepted: ordered.map { messages[$0.index].id }, underlying: (transient ?? ordered[0]).error)
    }
}
