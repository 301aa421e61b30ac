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

    /// Deliveries that are not their messages' first have come in.
    func noteRedeliveries(_ count: Int = 1) {
        books.withLock { $0.redeliveries += Int64(count) }
    }

    /// The route keeps a rejected delivery, or several as one, and takes it in again itself.
    func keep(_ count: Int = 1) {
        books.withLock { books in
            books.settled[DeliveryOutcome.rejected.index] += Int64(count)
            books.received += Int64(count)
            books.redeliveries += Int64(count)
        }
    }

    /// A delivery has left the route.
    /// - Parameter count: for how many it stands.
    func leave(_ delivery: Delivery, as outcome: DeliveryOutcome, count: Int = 1) {
        let isSettled = delivery.isSettled
        let firstSuccess = delivery.trace.firstSuccess
        books.withLock { books in
            if firstSuccess != 0 {
                books.firstSuccesses += 1
                books.lastFirstSuccess = max(books.lastFirstSuccess, firstSuccess)
            }
            books.inFlight -= Int64(count)
            if isSettled { books.settled[outcome.index] += Int64(count) }
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
