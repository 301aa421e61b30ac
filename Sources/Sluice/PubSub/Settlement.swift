/// How a delivery ended.
public enum Settlement: Sendable {
    case acknowledged
    case rejected(Rejection)
}

/// Why and how a message is given back to its source.
public struct Rejection: Sendable {
    /// How long the source should wait before it delivers the message again; nil leaves that to the source.
    public var delay: Duration?
    /// What went wrong; nil when nothing did and the message is only handed back, as at shutdown.
    public var error: (any Error)?

    public init(delay: Duration? = nil, error: (any Error)? = nil) {
        self.delay = delay
        self.error = error
    }
}

/// The adapter's side of a settlement.
public protocol Settler: AnyObject, Sendable {
    /// Records how the delivery with this tag ended. Called exactly once for each delivery, on any thread, and never
    /// while a lock of the core is held. It must not block: it notes the settlement and wakes whoever sends it on.
    func settle(_ tag: UInt64, _ settlement: Settlement)

    /// What a delivery calls: the same, with what was delivered, for a broker that keeps no copy while it is out.
    /// Calls ``settle(_:_:)`` unless implemented.
    func settle(_ tag: UInt64, _ settlement: Settlement, of message: Message, origin: Delivery.Origin)
}

extension Settler {
    public func settle(_ tag: UInt64, _ settlement: Settlement, of message: Message, origin: Delivery.Origin) {
        settle(tag, settlement)
    }
}
