import Sluice
import Synchronization

/// The bytes that a long or inflated body holds of the listener's budget, until nothing refers to it any more: its message
/// may outlive the request, whose client may be gone or have had its answer.
final class BodyReservation: Sendable {
    private let shared: InboundShared
    private let bytes: Atomic<Int>

    /// - Parameter bytes: how many of the budget are taken over.
    init(_ shared: InboundShared, takingOver bytes: Int) {
        self.shared = shared
        self.bytes = Atomic(bytes)
    }

    deinit {
        shared.release(bytes.load(ordering: .relaxed))
    }

    /// - Returns: false when the budget has no room for so many bytes more.
    func reserve(_ more: Int) -> Bool {
        guard shared.reserve(more, isLong: true) else { return false }
        bytes.add(more, ordering: .relaxed)
        return true
    }

    /// Gives back what is more than this.
    func keep(_ count: Int) {
        let excess = bytes.load(ordering: .relaxed) - count
        guard excess > 0 else { return }
        bytes.subtract(excess, ordering: .relaxed)
        shared.release(excess)
    }

    /// Settles as `settler` does, and holds the bytes for as long as the delivery lives.
    func holding(_ settler: any Settler) -> any Settler { HoldingSettler(settler: settler, reservation: self) }
}

private final class HoldingSettler: Settler {
    private let settler: any Settler
    private let reservation: BodyReservation

    init(settler: any Settler, reservation: BodyReservation) {
        self.settler = settler
        self.reservation = reservation
    }

    func settle(_ tag: UInt64, _ settlement: Settlement) {
        settler.settle(tag, settlement)
    }

    func owns(_ tag: UInt64) -> Bool { settler.owns(tag) }

    func forgo(_ tag: UInt64) { settler.forgo(tag) }
}
