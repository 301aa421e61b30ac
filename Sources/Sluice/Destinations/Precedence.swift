import Synchronization

/// Whose attempts go first at a destination that several routes share: the order of the cases.
enum Standing: UInt8, Sendable, Comparable, CaseIterable {
    case urgent, ordinary
    /// It gives way to all others.
    case patient

    static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// Where one of this standing joins a line that is in order: behind those of its own.
    ///
    /// Few are urgent and few give way, and thousands may stand between these: it is looked for from the end that is near.
    func place<Line: RandomAccessCollection>(
        in line: Line, _ standing: (Line.Element) -> Standing
    ) -> Int where Line.Index == Int {
        if self == .urgent { return line.firstIndex { standing($0) > self } ?? line.endIndex }
        var place = line.endIndex
        while place > line.startIndex, standing(line[place - 1]) > self { place -= 1 }
        return place
    }
}

/// Lets the attempts of some routes go first at a destination that others share: while one of theirs is about to be made, none
/// of those that stand behind them begins to wait for its turn.
struct Precedence: ~Copyable, Sendable {
    private let urgent = Atomic<Int>(0)
    private let ordinary = Atomic<Int>(0)
    /// Whether some route gives way to ordinary messages. Without one they are not counted.
    private let heedsOrdinary = Atomic<Bool>(false)
    private let line = Mutex<[Ticket]>([])

    /// From now on ordinary messages are counted: there is a route that gives way to them.
    func heedOrdinary() { heedsOrdinary.store(true, ordering: .relaxed) }

    /// Whether a message is about to be attempted that goes before those of this standing.
    func isClaimed(before standing: Standing) -> Bool {
        switch standing {
        case .urgent: false
        case .ordinary: urgent.load(ordering: .sequentiallyConsistent) > 0
        case .patient:
            urgent.load(ordering: .sequentiallyConsistent) > 0 || ordinary.load(ordering: .sequentiallyConsistent) > 0
        }
    }

    /// The delivery of a route of this standing waits for its turn.
    func claim(_ delivery: Delivery, _ standing: Standing) {
        switch standing {
        case .urgent: break
        case .ordinary: guard heedsOrdinary.load(ordering: .relaxed) else { return }
        case .patient: return
        }
        guard delivery.trace.precedence == nil else { return }
        delivery.trace.precedence = standing
        if standing == .urgent {
            urgent.wrappingAdd(1, ordering: .sequentiallyConsistent)
        } else {
            ordinary.wrappingAdd(1, ordering: .sequentiallyConsistent)
        }
    }

    /// Its turn has come, or it does not wait any more.
    func release(_ delivery: Delivery) {
        guard let standing = delivery.trace.takePrecedence() else { return }
        let left =
            standing == .urgent
            ? urgent.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue
            : ordinary.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue
        guard left == 0 else { return }
        // A waiter that another message still precedes waits again.
        let waiting = line.withLock { line in
            defer { line = [] }
            return line
        }
        for ticket in waiting { _ = ticket.grant() }
    }

    /// - Returns: what is granted when it is worth asking again; nil when nothing goes first now.
    func enter(_ standing: Standing) -> Ticket? {
        line.withLock { line in
            // Under the lock: what releases the last claim looks into the line after that.
            guard isClaimed(before: standing) else { return nil }
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

    /// Waits while a message is about to be attempted that goes before this one; not where this one finds out for the breaker,
    /// and no longer than nothing else keeps it.
    func giveWay(_ context: HandlerContext) async throws {
        let standing = context.route.standing
        guard precedence.isClaimed(before: standing), !context.delivery.trace.isProbe else { return }
        books.beginWaiting()
        defer { books.endWaiting() }
        while isOpen, let ticket = precedence.enter(standing) {
            defer { precedence.giveUp(ticket) }
            try await context.wait(for: Self.patience, until: ticket, booking: .throttle)
        }
    }
}
