import Sluice

/// Outermost in the chain of a route that sends again: says which message is in hand, and how the chain has ended.
struct RedriveWatch: Middleware {
    /// What the route has in hand.
    let inHand: @Sendable () -> RedriveInHand?

    func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        { [inHand] message, context in
            guard let current = inHand(), current.entry.message.id == message.id else {
                throw HandlerError("no job has asked for this message", reason: "no_job", disposition: .retry())
            }
            return try await RedriveInHand.$current.withValue(current) {
                let produced = try await next(message, context)
                current.note(context.outcome)
                return produced
            }
        }
    }
}

/// What was handled, for a route that sends again: what goes once more is fresh however often it was handled.
final class RedriveKeys: DeduplicationStore {
    private let handled: any DeduplicationStore

    init(_ handled: any DeduplicationStore) {
        self.handled = handled
    }

    var time: RouterTime? { handled.time }

    func reserve(_ key: [UInt8], scope: String) async throws -> Reservation {
        let found = try await handled.reserve(key, scope: scope)
        if case .duplicate = found, RedriveInHand.current?.entry.isForced == true { return .fresh }
        return found
    }

    /// It is kept in the commit that keeps what has become of the message.
    func commit(_ key: [UInt8], scope: String, for window: Duration) async throws {
        if let inHand = RedriveInHand.current {
            return inHand.note(RedriveInHand.Key(bytes: key, scope: scope, window: window, store: handled))
        }
        try await handled.commit(key, scope: scope, for: window)
    }

    func release(_ key: [UInt8], scope: String) async {
        await handled.release(key, scope: scope)
    }
}

/// The poison queue of a route that sends again: what fails is there as its own route would have put it there, and counts for
/// the job, in one commit.
final class RedrivePoison: Publisher {
    let name = "redrive"
    private let store: any RedriveStore
    private let lane: String

    init(_ store: any RedriveStore, lane: String) {
        self.store = store
        self.lane = lane
    }

    func publish(_ messages: [Message], to topic: Topic) async throws {
        guard let inHand = RedriveInHand.current else { throw ClosedError("poison queue of jobs") }
        for message in messages {
            inHand.noteKept(try await store.poisonAgain(told(message, inHand), inHand))
        }
    }

    func close() async {}

    /// The names are those of the message's own route, and where it was read first.
    private func told(_ message: Message, _ inHand: RedriveInHand) -> Message {
        var told = message
        let before = inHand.entry.poisoned
        let rounds = before[PoisonMetadata.rounds].flatMap { Int64($0) } ?? 0
        told.metadata[PoisonMetadata.handler] = before[PoisonMetadata.handler] ?? lane
        if inHand.job.kind == .retry {
            for name in [
                PoisonMetadata.topic, PoisonMetadata.subscriber, PoisonMetadata.partition, PoisonMetadata.offset,
            ] {
                told.metadata[name] = before[name]
            }
            told.metadata[PoisonMetadata.rounds] = "\(max(0, rounds).addingSaturated(1))"
        } else {
            let place = inHand.entry.step.place
            told.metadata[PoisonMetadata.topic] = store.events.name
            told.metadata[PoisonMetadata.offset] = "\(place.offset)"
            if store.isPartitioned { told.metadata[PoisonMetadata.partition] = "\(place.partition)" }
        }
        return told
    }
}
