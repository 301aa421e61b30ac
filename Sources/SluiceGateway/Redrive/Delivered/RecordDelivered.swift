import Sluice

/// Notes which events a sink has delivered, by where the queue has them: by itself, or for a job.
struct RecordDelivered: Middleware {
    let book: DeliveredBook
    /// The group of the sink's first route: what one of its routes has delivered the sink has.
    let route: String
    let events: Topic

    func wrap(_ next: @escaping Handler, for scope: RouteScope) throws -> Handler {
        { [self] message, context in
            let produced = try await next(message, context)
            guard context.outcome == .acked else { return produced }
            if let inHand = RedriveInHand.current {
                if let place = inHand.eventPlace(in: events) { book.note(place, by: route) }
            } else if context.isJoined {
                for delivered in context.deliveredMessages { note(delivered.origin) }
            } else {
                note(context.origin)
            }
            return produced
        }
    }

    private func note(_ origin: Delivery.Origin) {
        guard let partition = origin.partition, let offset = origin.offset else { return }
        book.note(RedrivePlace(partition: partition, offset: offset), by: route)
    }
}

extension RedriveInHand {
    /// Where the message lies among the events.
    fileprivate func eventPlace(in events: Topic) -> RedrivePlace? {
        job.kind == .retry ? entry.poisoned.eventPlace(in: events) : entry.step.place
    }
}

extension Metadata {
    /// Where a poisoned message lies among the events; nil for one that was never there, or was poisoned by an old version.
    func eventPlace(in events: Topic) -> RedrivePlace? {
        guard self[PoisonMetadata.topic] == events.name,
            let partition = self[PoisonMetadata.partition].flatMap({ Int32($0) }),
            let offset = self[PoisonMetadata.offset].flatMap({ Int64($0) })
        else { return nil }
        return RedrivePlace(partition: partition, offset: offset)
    }
}
