/// A route, as its observer knows it.
struct ObservedRoute: Sendable {
    private let observer: any RouteObserver
    private let number: Int
    /// Whether a delivery may stand for several: each of them is told of.
    private let joins: Bool

    init(_ observer: any RouteObserver, _ route: String, _ destination: Destination, joins: Bool) {
        self.joins = joins
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
        let (waits, attempt) = (delivery.trace.waits, delivery.trace.attempts)
        forEach(delivery) { member in
            observer.ended(
                AttemptEnd(
                    route: number, message: member.message.id, attempt: attempt, partition: member.origin.partition,
                    offset: member.origin.offset, arrival: member.arrival, start: start, end: end, waits: waits,
                    result: result, reason: reason, retryAfter: retryAfter))
        }
    }

    func left(_ delivery: Delivery, _ outcome: DeliveryOutcome, at time: MonotonicTime) {
        let attempts = delivery.trace.attempts
        forEach(delivery) { member in
            observer.ended(
                DeliveryEnd(
                    route: number, message: member.message.id, outcome: outcome, attempts: attempts,
                    partition: member.origin.partition, offset: member.origin.offset, time: time))
        }
    }

    /// What is handled as one is told of message by message.
    private func forEach(_ delivery: Delivery, _ body: (Delivery) -> Void) {
        guard joins, let run = delivery.run else { return body(delivery) }
        for member in run.deliveries { body(member) }
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
