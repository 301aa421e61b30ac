/// A route, as its observer knows it.
struct ObservedRoute: Sendable {
    private let observer: any RouteObserver
    private let number: Int

    init(_ observer: any RouteObserver, _ route: String, _ destination: Destination) {
        self.observer = observer
        number = observer.begin(route, to: destination.name)
        destination.observe(by: observer)
    }

    func succeeded(_ delivery: Delivery, from start: MonotonicTime, to end: MonotonicTime) {
        tell(delivery, start, end, .success)
    }

    /// - Parameter error: nil for an attempt that was interrupted.
    func failed(_ error: (any Error)?, _ context: HandlerContext, from start: MonotonicTime, to end: MonotonicTime) {
        guard let error else { return tell(context.delivery, start, end, nil) }
        let disposition = Disposition(of: error)
        let reason = context.timed?.isExpired == true ? "timeout" : Disposition.reason(of: error)
        tell(context.delivery, start, end, AttemptResult(disposition), reason, disposition.namedTime)
    }

    private func tell(
        _ delivery: Delivery, _ start: MonotonicTime, _ end: MonotonicTime, _ result: AttemptResult?,
        _ reason: String? = nil, _ retryAfter: Duration? = nil
    ) {
        let trace = delivery.trace.waits
        observer.ended(
            AttemptEnd(
                route: number, message: delivery.message.id, attempt: delivery.trace.attempts,
                partition: delivery.origin.partition, offset: delivery.origin.offset, arrival: delivery.arrival,
                start: start, end: end, waits: trace, result: result, reason: reason, retryAfter: retryAfter))
    }

    func left(_ delivery: Delivery, _ outcome: DeliveryOutcome, at time: MonotonicTime) {
        observer.ended(
            DeliveryEnd(
                route: number, message: delivery.message.id, outcome: outcome, attempts: delivery.trace.attempts,
                partition: delivery.origin.partition, offset: delivery.origin.offset, time: time))
    }
}

extension DeliveryTrace {
    var waits: AttemptEnd.Waits {
        AttemptEnd.Waits(
            throttle: nanoseconds(in: .throttle), breaker: nanoseconds(in: .breaker),
            concurrency: nanoseconds(in: .concurrency), backoff: nanoseconds(in: .backoff))
    }
}

extension Disposition {
    /// For how long the other side asked to be left alone.
    fileprivate var namedTime: Duration? {
        switch kind {
        case .retry(let after), .throttled(let after): after
        case .hold(_, let duration): duration
        case .poison, .discard: nil
        }
    }
}
