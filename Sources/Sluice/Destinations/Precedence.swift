import Synchronization

/// Lets the attempts of urgent routes go first at a destination that others share: while one of theirs is about to be made,
/// none of the others begins to wait for its turn.
struct Precedence: ~Copyable, Sendable {
    private let claims = Atomic<Int>(0)
    private let line = Mutex<[Ticket]>([])

    /// Whether an urgent message is about to be attempted.
    var isClaimed: Bool { claims.load(ordering: .relaxed) > 0 }

    /// The delivery of an urgent route waits for its turn.
    func claim(_ delivery: Delivery) {
        guard !delivery.trace.hasPrecedence else { return }
        delivery.trace.hasPrecedence = true
        claims.wrappingAdd(1, ordering: .sequentiallyConsistent)
    }

    /// Its turn has come, or it does not wait any more.
    func release(_ delivery: Delivery) {
        guard delivery.trace.takePrecedence() else { return }
        guard claims.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue == 0 else { return }
        let waiting = line.withLock { line in
            defer { line = [] }
            return line
        }
        for ticket in waiting { _ = ticket.grant() }
    }

    /// - Returns: what is granted when no urgent message is about to be attempted any more; nil when none is now.
    func enter() -> Ticket? {
        line.withLock { line in
            // Under the lock: what releases the last claim looks into the line after that.
            guard claims.load(ordering: .sequentiallyConsistent) > 0 else { return nil }
            let ticket = Ticket()
            line.append(ticket)
            return ticket
        }
    }

    func giveUp(_ ticket: Ticket) {
        line.withLock { line in line.removeAll { $0 === ticket } }
    }
}

extension Destination {
    /// How long a message that gives way looks away: what it waits for may be held up by a breaker that lets others through.
    private static var patience: Duration { .seconds(1) }

    /// Waits while an urgent message is about to be attempted; not where this one finds out for the breaker, and no longer
    /// than nothing else keeps it.
    func giveWay(_ context: HandlerContext) async throws {
        guard precedence.isClaimed, !context.route.isUrgent, !context.delivery.trace.isProbe else { return }
        books.beginWaiting()
        defer { books.endWaiting() }
        while isOpen, let ticket = precedence.enter() {
            defer { precedence.giveUp(ticket) }
            try await context.wait(for: Self.patience, until: ticket, booking: .throttle)
        }
    }
}
