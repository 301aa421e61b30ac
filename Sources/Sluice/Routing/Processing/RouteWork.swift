/// What a route does with a message at the end of its chain.
enum RouteWork: Sendable {
    case consuming(@Sendable (Message, HandlerContext) async throws -> Void)
    case producing(Handler, to: Route.Output)

    /// Runs the route's handler, then publishes what it returned.
    func handler(for scope: RouteScope, meter: RouteMeter?) -> Handler {
        guard let tracer = scope.tracer else { return untraced(for: scope, meter: meter) }
        let work: RouteWork =
            switch self {
            case .consuming: self
            case .producing(let handler, let output): .producing(tracer.carryingOn(handler), to: output)
            }
        return tracer.tracingAttempts(work.untraced(for: scope, meter: meter), to: scope.destination)
    }

    /// Each way has its own closure: one within the other would cost every message another asynchronous call.
    private func untraced(for scope: RouteScope, meter: RouteMeter?) -> Handler {
        let (time, destination, observed) = (scope.time, scope.destination, scope.observed)
        let isTimed = meter != nil || observed != nil
        switch self {
        case .consuming(let handler):
            return { message, context in
                if destination.mustAdmit { try await destination.admit(context) }
                guard context.delivery.isOurs else {
                    destination.leave(context.delivery, .unknown)
                    throw RevokedError()
                }
                let isFirst = context.delivery.trace.countAttempt()
                let start = isTimed ? time.now : context.delivery.arrival
                do {
                    if let failure = context.delivery.origin.failure { throw failure }
                    try await handler(message, context)
                } catch {
                    Self.fail(error, context, meter, start, isFirst: isFirst)
                    throw error
                }
                let end = isTimed ? time.now : start
                meter?.attempted(context.delivery, from: start, to: end, succeeded: true)
                observed?.succeeded(context.delivery, from: start, to: end)
                destination.succeeded(context, isFirst: isFirst, at: end)
                return []
            }
        case .producing(let handler, let output):
            let output = MeteredPublish(output, scope: scope)
            return { message, context in
                // Shut meanwhile, perhaps: a message may have waited for Throttle since Retry looked. A Timeout looks too.
                if destination.mustAdmit { try await destination.admit(context) }
                guard context.delivery.isOurs else {
                    destination.leave(context.delivery, .unknown)
                    throw RevokedError()
                }
                let isFirst = context.delivery.trace.countAttempt()
                let start = isTimed ? time.now : context.delivery.arrival
                do {
                    if let failure = context.delivery.origin.failure { throw failure }
                    var produced = try await handler(message, context)
                    var end = isTimed ? time.now : start
                    if !produced.isEmpty {
                        Self.stamp(&produced, context.outgoing)
                        if meter == nil {
                            try await output.publishUnmeasured(produced)
                            if isTimed { end = time.now }
                        } else {
                            end = try await output.publish(produced, at: end, context)
                        }
                    }
                    meter?.attempted(context.delivery, from: start, to: end, succeeded: true)
                    observed?.succeeded(context.delivery, from: start, to: end)
                    destination.succeeded(context, isFirst: isFirst, at: end)
                    return produced
                } catch {
                    Self.fail(error, context, meter, start, isFirst: isFirst)
                    throw error
                }
            }
        }
    }

    private static func fail(
        _ error: any Error, _ context: HandlerContext, _ meter: RouteMeter?, _ start: MonotonicTime, isFirst: Bool
    ) {
        let observed = context.route.observed
        guard !context.isInterruption(error) else {
            observed?.failed(nil, context, from: start, to: context.route.time.now)
            return context.route.destination.leave(context.delivery, .unknown)
        }
        if meter != nil || observed != nil {
            let end = context.route.time.now
            meter?.attempted(context.delivery, from: start, to: end, succeeded: false)
            observed?.failed(error, context, from: start, to: end)
        }
        // What cannot be understood never reached the destination.
        if context.delivery.origin.failure == nil {
            context.route.destination.failed(error, context, isFirst: isFirst)
        } else {
            context.route.destination.leave(context.delivery, .unknown)
        }
    }

    private static func stamp(_ messages: inout [Message], _ outgoing: Metadata) {
        guard !outgoing.isEmpty else { return }
        for index in messages.indices {
            if messages[index].metadata.isEmpty {
                messages[index].metadata = outgoing
            } else {
                for entry in outgoing where messages[index].metadata[entry.name] == nil {
                    messages[index].metadata[entry.name] = entry.value
                }
            }
        }
    }
}
