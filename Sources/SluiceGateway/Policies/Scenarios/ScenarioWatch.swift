import Sluice

/// Notes how messages come to their end at a sink: outermost in its chain.
struct PassWatch: Middleware {
    let sink: Int
    let recorder: ScenarioRecorder

    func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        { [sink, recorder] message, context in
            do {
                let produced = try await next(message, context)
                recorder.left(sink, context, as: context.outcome)
                return produced
            } catch {
                if case .discard = Disposition(of: error).kind {
                    recorder.left(sink, context, as: .discarded)
                } else if context.isInterruption(error) {
                    recorder.next(sink, context, .handedBack(.zero))
                } else {
                    recorder.next(sink, context, .rejected(isExhausted: context.isExhausted))
                }
                throw error
            }
        }
    }
}

/// Notes each attempt: innermost in a sink's chain.
struct AttemptWatch: Middleware {
    let sink: Int
    let recorder: ScenarioRecorder

    func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        { [sink, recorder] message, context in
            guard let attempt = recorder.attempt(sink, context) else { return try await next(message, context) }
            return try await AttemptInHand.$current.withValue(attempt) {
                do {
                    let produced = try await next(message, context)
                    recorder.ended(attempt, nil)
                    return produced
                } catch {
                    // An attempt that is cancelled and was not interrupted took longer than its timeout.
                    let isLate = Task.isCancelled && !context.isInterruption(error)
                    recorder.ended(attempt, isLate ? "timeout" : Disposition.reason(of: error))
                    throw error
                }
            }
        }
    }
}
