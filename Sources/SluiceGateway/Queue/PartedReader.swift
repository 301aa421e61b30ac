import Sluice
import Synchronization

/// What the two groups of a sink had handled before they became one: the one that was ahead waits until the other has come as
/// far, and what it has handled beyond that is not delivered again.
final class PartedReader: Sendable {
    /// Of one partition, by offsets.
    struct Handled: Sendable, Equatable {
        var urgent: OffsetSet
        var pushes: OffsetSet
    }

    private let isKnown = Atomic<Bool>(false)
    private let handled = Mutex<[Int32: Handled]>([:])

    /// - Parameter partitions: none where nothing is left to be told apart.
    func set(_ partitions: [Int32: Handled]) {
        handled.withLock { $0 = partitions }
        isKnown.store(!partitions.isEmpty, ordering: .releasing)
    }

    /// Whether one of the two has handled it.
    func hasHandled(_ message: Message, _ origin: Delivery.Origin) -> Bool {
        guard isKnown.load(ordering: .acquiring), let offset = origin.offset else { return false }
        guard let known = handled.withLock({ $0[origin.partition ?? 0] }) else { return false }
        return (ReaderPart.isPush(message) ? known.pushes : known.urgent).contains(offset)
    }
}

/// Acknowledges what one of a sink's two groups had handled before they became one.
struct HandledApart: Middleware {
    let reader: PartedReader

    func wrap(_ next: @escaping Handler, for route: RouteScope) throws -> Handler {
        { [reader] message, context in
            // Of events that go together each may come again: what takes many at once has each only once.
            let isHandled =
                context.isJoined
                ? context.deliveredMessages.allSatisfy { reader.hasHandled($0.message, $0.origin) }
                : reader.hasHandled(message, context.origin)
            guard !isHandled else {
                context.settle(as: .deduplicated)
                return []
            }
            return try await next(message, context)
        }
    }
}
