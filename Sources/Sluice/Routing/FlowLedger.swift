import Synchronization

/// The books of a route: what came in, what was settled and how, what is in hand.
///
/// One lock keeps them exact at every reading. What is settled is read off the deliveries themselves when they leave
/// the route, so that one that leaves unsettled shows as unaccounted for.
final class FlowLedger: Sendable {
    struct Books: Sendable {
        var received: Int64 = 0
        var redeliveries: Int64 = 0
        var inFlight: Int64 = 0
        /// Deliveries whose first attempt succeeded, and when one last did: for the books of the route's destination.
        var firstSuccesses: Int64 = 0
        var lastFirstSuccess: UInt64 = 0
        var settled: [8 of Int64] = .init(repeating: 0)

        func settled(_ outcome: DeliveryOutcome) -> Int64 { settled[outcome.index] }

        var unaccounted: Int64 {
            var rest = received - inFlight
            for index in settled.indices { rest -= settled[index] }
            return rest
        }
    }

    private let books = Mutex(Books())

    func receive(_ count: Int) {
        books.withLock { books in
            books.received += Int64(count)
            books.inFlight += Int64(count)
        }
    }

    /// A delivery that is not the message's first has come in.
    func noteRedelivery() {
        books.withLock { $0.redeliveries += 1 }
    }

    /// The route keeps a rejected delivery and takes it in again itself.
    func keep() {
        books.withLock { books in
            books.settled[DeliveryOutcome.rejected.index] += 1
            books.received += 1
            books.redeliveries += 1
        }
    }

    /// A delivery has left the route.
    func leave(_ delivery: Delivery, as outcome: DeliveryOutcome) {
        let isSettled = delivery.isSettled
        let firstSuccess = delivery.trace.firstSuccess
        books.withLock { books in
            if firstSuccess != 0 {
                books.firstSuccesses += 1
                books.lastFirstSuccess = max(books.lastFirstSuccess, firstSuccess)
            }
            books.inFlight -= 1
            if isSettled { books.settled[outcome.index] += 1 }
        }
    }

    func read() -> Books {
        books.withLock(\.self)
    }
}

extension DeliveryOutcome {
    /// The position in ``FlowLedger/Books``.
    var index: Int {
        switch self {
        case .acked: 0
        case .rejected: 1
        case .poisoned: 2
        case .discarded: 3
        case .deduplicated: 4
        case .revoked: 5
        case .handedBack: 6
        case .filtered: 7
        }
    }

    init(index: Int) {
        self =
            switch index {
            case 1: .rejected
            case 2: .poisoned
            case 3: .discarded
            case 4: .deduplicated
            case 5: .revoked
            case 6: .handedBack
            case 7: .filtered
            default: .acked
            }
    }
}
