import Sluice
import Synchronization

/// Notes for each delivery of a ``RouteProbe`` what its chain does. As a middleware it stands innermost, around the
/// handler and its publish alone.
final class AttemptRecorder: Middleware {
    struct Notes: Sendable {
        let start: MonotonicTime
        var attempts: [RouteProbe.Attempt] = []
        var produced: [Message] = []
        var error: (any Error)?
    }

    private let notes = Mutex<[ObjectIdentifier: Notes]>([:])

    func begin(_ delivery: Delivery, at start: MonotonicTime) {
        notes.withLock { $0[ObjectIdentifier(delivery)] = Notes(start: start) }
    }

    func end(_ delivery: Delivery) -> Notes {
        notes.withLock { $0.removeValue(forKey: ObjectIdentifier(delivery)) } ?? Notes(start: delivery.arrival)
    }

    func note(_ context: HandlerContext, _ change: (inout Notes) -> Void) {
        notes.withLock { notes in
            guard var known = notes[ObjectIdentifier(context.delivery)] else { return }
            change(&known)
            notes[ObjectIdentifier(context.delivery)] = known
        }
    }

    func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        { [self] message, context in
            let start = route.time.now
            do {
                let produced = try await next(message, context)
                note(context) { notes in
                    notes.add(context, start, route.time.now, nil)
                    notes.produced = produced
                }
                return produced
            } catch {
                note(context) { $0.add(context, start, route.time.now, error) }
                throw error
            }
        }
    }
}

extension AttemptRecorder.Notes {
    mutating func add(
        _ context: HandlerContext, _ start: MonotonicTime, _ end: MonotonicTime, _ error: (any Error)?
    ) {
        attempts.append(
            RouteProbe.Attempt(
                number: context.attempt, start: self.start.duration(to: start), end: self.start.duration(to: end),
                error: error))
    }
}

/// Outermost in the chain: notes how each pass ends.
struct PassRecorder: Middleware {
    let recorder: AttemptRecorder

    func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        { message, context in
            do {
                let produced = try await next(message, context)
                recorder.note(context) { $0.error = nil }
                return produced
            } catch {
                recorder.note(context) { $0.error = error }
                throw error
            }
        }
    }
}

/// The source of a probe's deliveries, which remembers how one was settled.
final class ProbeSettler: Settler {
    private let state = Mutex<Settlement?>(nil)

    var settlement: Settlement? { state.withLock(\.self) }

    func settle(_ tag: UInt64, _ settlement: Settlement) {
        state.withLock { $0 = settlement }
    }
}
