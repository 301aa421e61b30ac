import Synchronization

/// A message, together with the duty to settle it once.
///
/// Handlers never see it: their return acknowledges and their error rejects. A delivery that is never settled counts
/// as rejected when its last reference goes.
public final class Delivery: Sendable {
    /// What the broker knows of a message beside its content. Each is nil where the broker has no such notion.
    public struct Origin: Sendable {
        /// How often the message has been delivered, this time included. From 1.
        public var attempt: Int
        /// Whether the broker says that it may have been delivered before.
        public var redelivered: Bool
        public var partition: Int32?
        public var offset: Int64?
        /// When the broker took the message.
        public var timestamp: Timestamp?
        /// Messages of one key keep their order in `.perKey`.
        public var key: [UInt8]?
        /// Why what the broker holds is no message. Handling it fails with this error before it reaches the handler,
        /// so that the route's middlewares do with it what they do with any failure; the message holds what could be
        /// read. Nil, the default, where all is well.
        public var failure: (any Error)?
        /// How far it has come before, where the source keeps that; nil, the default, where it has not been attempted.
        public var progress: Progress?

        /// Inlinable: adapters in other modules call it for every message, and a call would copy all fields.
        @inlinable
        public init(
            attempt: Int = 1, redelivered: Bool = false, partition: Int32? = nil, offset: Int64? = nil,
            timestamp: Timestamp? = nil, key: [UInt8]? = nil, failure: (any Error)? = nil,
            progress: Progress? = nil
        ) {
            self.attempt = attempt
            self.redelivered = redelivered
            self.partition = partition
            self.offset = offset
            self.timestamp = timestamp
            self.key = key
            self.failure = failure
            self.progress = progress
        }

        fileprivate func with(_ progress: Progress?) -> Origin {
            var origin = self
            origin.progress = progress
            return origin
        }
    }

    public let message: Message
    public let origin: Origin
    /// When it entered this process, for the stage `queue`.
    package let arrival: MonotonicTime

    /// What the route's chain tells of it.
    package let trace = DeliveryTrace()
    let settler: any Settler
    private let tag: UInt64
    /// Whether it comes from the source's shelf.
    package let mark: Shelf.Mark
    private let settled = Atomic<Bool>(false)
    /// Whether it was acknowledged before it was handled.
    private let early = Atomic<Bool>(false)

    /// - Parameters:
    ///   - tag: what the settler knows the delivery by.
    ///   - arrival: shared by the deliveries of one batch, so that the clock is read once.
    package init(
        _ message: Message, origin: Origin = Origin(), settler: any Settler, tag: UInt64, arrival: MonotonicTime,
        mark: Shelf.Mark = .none
    ) {
        self.message = message
        self.origin = origin
        self.settler = settler
        self.tag = tag
        self.arrival = arrival
        self.mark = mark
    }

    /// A message of which the broker knows nothing beside its content.
    init(_ message: Message, settler: any Settler, tag: UInt64, arrival: MonotonicTime) {
        self.message = message
        origin = Origin()
        self.settler = settler
        self.tag = tag
        self.arrival = arrival
        mark = .none
    }

    /// - Parameters:
    ///   - message: what is delivered.
    ///   - origin: what the source knows of it. Default: nothing.
    ///   - settler: is told once how it ended.
    ///   - tag: what the settler knows the delivery by.
    ///   - time: what its source goes by. Default: the machine's.
    public convenience init(
        _ message: Message, origin: Origin = Origin(), settler: any Settler, tag: UInt64, time: RouterTime = .real
    ) {
        self.init(message, origin: origin, settler: settler, tag: tag, arrival: time.now)
    }

    deinit {
        if !settled.load(ordering: .relaxed) {
            settler.settle(tag, .rejected(Rejection()), of: message, origin: origin.with(nil))
        }
    }

    /// About how many bytes it takes up.
    package var size: Int {
        Message.overhead + message.payload.count + message.metadata.size + (origin.key?.count ?? 0)
    }

    /// Whether it has been acknowledged, rejected or dropped.
    public var isSettled: Bool { settled.load(ordering: .acquiring) }

    /// The message was handled; the broker may forget it.
    /// - Returns: whether this call settled it; false when it already was.
    @discardableResult
    public func acknowledge() -> Bool {
        guard !settled.exchange(true, ordering: .acquiringAndReleasing) else { return false }
        settler.settle(tag, .acknowledged, of: message, origin: origin)
        return true
    }

    /// The message was not handled; the broker delivers it again, not before `delay` has passed.
    /// - Returns: whether this call settled it; false when it already was.
    @discardableResult
    public func reject(after delay: Duration? = nil, because error: (any Error)? = nil) -> Bool {
        reject(Rejection(delay: delay, error: error), nil)
    }

    /// - Parameter progress: how far it has come, for a source that can keep it.
    @discardableResult
    func reject(_ rejection: Rejection, _ progress: Progress?) -> Bool {
        guard !settled.exchange(true, ordering: .acquiringAndReleasing) else { return false }
        settler.settle(tag, .rejected(rejection), of: message, origin: origin.with(progress))
        return true
    }

    /// Whether it may still be handled here: false once another process may have the message. See ``Settler/owns(_:)``.
    public var isOurs: Bool { settler.owns(tag) || early.load(ordering: .relaxed) }

    /// Acknowledges it before it is handled. From then on it is ours, also when its source is gone: no other process gets it.
    /// - Returns: whether this call settled it.
    func acknowledgeEarly() -> Bool {
        guard !isSettled, settler.owns(tag) else { return false }
        early.store(true, ordering: .relaxed)
        return acknowledge()
    }

    /// Whether ``acknowledgeEarly()`` was called for it.
    var isAcknowledgedEarly: Bool { early.load(ordering: .relaxed) }

    /// Has the source keep it, unhandled, until its key is wanted.
    package func shelve(_ key: [UInt8]) {
        guard !settled.exchange(true, ordering: .acquiringAndReleasing) else { return }
        settler.shelve(tag, key: key, of: message, origin: origin)
    }

    /// The route keeps it, to try it again.
    func noteKept(_ progress: Progress) {
        settler.noteKept(tag, message, origin: origin.with(progress))
    }

    /// The route keeps it until its next attempt is due, and nothing waits behind it.
    func noteResting(_ progress: Progress?) {
        guard !isSettled else { return }
        settler.noteResting(tag, message, origin: origin.with(progress))
    }

    /// It is taken up again.
    func noteTakenUp() {
        settler.noteTakenUp(tag)
    }

    /// Whether its source can keep how far it has come.
    var keepsProgress: Bool { settler.keepsProgress }

    /// Drops it unhandled, because it is not ours any more: the broker hears nothing of it.
    func forgo() {
        guard !settled.exchange(true, ordering: .acquiringAndReleasing) else { return }
        settler.forgo(tag)
    }
}
