/// How a delivery ended.
public enum Settlement: Sendable {
    case acknowledged
    case rejected(Rejection)
}

/// Why and how a message is given back to its source.
public struct Rejection: Sendable {
    /// How long the source should wait before it delivers the message again; nil leaves that to the source, which waits all
    /// the same (``Settler``).
    public var delay: Duration?
    /// What went wrong; nil when nothing did and the message is only handed back, as at shutdown.
    public var error: (any Error)?

    public init(delay: Duration? = nil, error: (any Error)? = nil) {
        self.delay = delay
        self.error = error
    }
}

/// The adapter's side of a settlement.
///
/// **A rejection is paced.** A message that is rejected comes again after the rejection's delay, or later. Where it names
/// none, the adapter waits a time of its own that grows with each rejection, such as from 1 ms, doubling, up to a second: the
/// first redeliveries may follow soon, the very first at once, but from the fifth on each waits 5 ms or more. A message that can
/// never be handled must not come again as fast as a thread can loop. What comes after a crash, a shutdown or a lost connection
/// need not wait. SluiceTesting's conformance suite holds an adapter to
/// it (`doesNotRedeliverInAHotLoop`, `keepsTheDelayOfARejection`).
///
/// ```swift
/// func settle(_ tag: UInt64, _ settlement: Settlement) {
///     switch settlement {
///     case .acknowledged: state.withLock { $0.remove(tag) }
///     case .rejected(let rejection):
///         time.after(rejection.delay ?? backoff.delay(beforeRetry: attempts(of: tag), by: time)) { self.deliverAgain(tag) }
///     }
/// }
/// ```
public protocol Settler: AnyObject, Sendable {
    /// Records how the delivery with this tag ended. Called exactly once for each delivery, on any thread, and never
    /// while a lock of the core is held. It must not block: it notes the settlement and wakes the thread that sends it on.
    func settle(_ tag: UInt64, _ settlement: Settlement)

    /// What a delivery calls: the same, with what was delivered, for a broker that keeps no copy while it is out.
    /// Calls ``settle(_:_:)`` unless implemented.
    func settle(_ tag: UInt64, _ settlement: Settlement, of message: Message, origin: Delivery.Origin)

    /// Whether the delivery with this tag may still be handled here: false once another process may have been given the
    /// message (its partition was revoked, its lease has run out, its connection is gone). Asked before every attempt, on
    /// any thread, so it must cost no more than an atomic load or a look at the clock. Once false for a tag, it stays
    /// false. Always true unless implemented.
    func owns(_ tag: UInt64) -> Bool

    /// The delivery was not handled, because it waits behind another of its key: the source keeps it on its ``Shelf``,
    /// behind what it has there of the key. Called instead of ``settle(_:_:)``, and only where the subscription has a
    /// shelf. Gives the message back unless implemented.
    func shelve(_ tag: UInt64, key: [UInt8], of message: Message, origin: Delivery.Origin)

    /// Handling the delivery has failed, and the route keeps it to try again. It is not settled; what waits behind it
    /// may be named by it, and the progress of `origin` may be kept for when it is delivered after a restart. Does nothing
    /// unless implemented.
    func noteKept(_ tag: UInt64, _ message: Message, origin: Delivery.Origin)

    /// A route without an order keeps the delivery until its next attempt is due, without a worker. It is not settled, and
    /// nothing waits behind it: what it takes of the source's room should be no more than if it had been rejected with
    /// that delay. The progress of `origin`, where it has one, may be kept for when it is delivered after a restart. Calls
    /// ``noteKept(_:_:origin:)`` unless implemented.
    func noteResting(_ tag: UInt64, _ message: Message, origin: Delivery.Origin)

    /// A delivery that rested is taken up again. Does nothing unless implemented.
    func noteTakenUp(_ tag: UInt64)

    /// Whether a rejected message comes again with the progress that the origin of its rejection has
    /// (``settle(_:_:of:origin:)``, ``Delivery/Progress``). A route gives messages that it does not keep itself back for long
    /// waits only then. False unless implemented.
    var keepsProgress: Bool { get }

    /// The delivery was dropped unhandled because ``owns(_:)`` said no; the broker must not be told. Called instead of
    /// ``settle(_:_:)``. Does nothing unless implemented.
    func forgo(_ tag: UInt64)
}

extension Settler {
    public func owns(_ tag: UInt64) -> Bool { true }

    public var keepsProgress: Bool { false }

    public func forgo(_ tag: UInt64) {}

    public func noteKept(_ tag: UInt64, _ message: Message, origin: Delivery.Origin) {}

    public func noteResting(_ tag: UInt64, _ message: Message, origin: Delivery.Origin) {
        noteKept(tag, message, origin: origin)
    }

    public func noteTakenUp(_ tag: UInt64) {}

    public func shelve(_ tag: UInt64, key: [UInt8], of message: Message, origin: Delivery.Origin) {
        settle(tag, .rejected(Rejection()), of: message, origin: origin)
    }

    public func settle(_ tag: UInt64, _ settlement: Settlement, of message: Message, origin: Delivery.Origin) {
        settle(tag, settlement)
    }
}
