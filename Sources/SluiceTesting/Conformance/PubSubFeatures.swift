/// What a Pub/Sub promises; the conformance suite runs the cases of every promise, and reports the others as skipped.
///
/// The defaults are those of a durable log: a Pub/Sub that promises less says so.
public struct PubSubFeatures: Sendable {
    /// Subscribers of one group share a topic's messages, and every group gets all of them.
    public var consumerGroups = true

    /// A message that was acknowledged, and whose delivery did not fail, is delivered once. Off: at least once.
    public var exactlyOnce = false

    /// Messages of one key arrive in the order in which they were published, also with several subscribers in a group.
    public var guaranteedOrder = true

    /// The same with one subscriber in the group. Implied by `guaranteedOrder`.
    public var guaranteedOrderWithSingleSubscriber = true

    /// A group's messages are kept while it has no subscription. Needs a place to remember the group by.
    public var persistent = true

    /// The broker can be stopped as a crash would and started again without losing a message; needs
    /// ``PubSubHarness/restart``.
    public var restartable = false

    /// A group that subscribes for the first time reads the topic from its beginning.
    public var newSubscriberReceivesOldMessages = true

    /// At most ``PubSubHarness/SubscriberOptions/maxInFlight`` deliveries of a group are unsettled at once, and a
    /// rejected one comes back before anything newer.
    public var limitsInFlight = true

    /// Messages behind a rejected one are delivered while it waits for its redelivery, unless `maxInFlight` forbids.
    public var overtakesRejected = true

    /// A rejection's delay is kept before the message is delivered again.
    public var delaysRedelivery = true

    /// The attempt number and the redelivered flag of a delivery count its redeliveries.
    public var countsAttempts = true

    /// A publish waits while a subscription is full, and ends when its task is cancelled or its publisher is closed.
    public var backPressure = false

    /// Topics and metadata may hold any Unicode text.
    public var unicode = true

    /// The largest payload in bytes that must arrive. 1 MiB.
    public var largestPayload = 1 << 20

    /// The bytes of metadata that must arrive in one message. 64 KiB.
    public var largestMetadata = 64 << 10

    /// Names of the metadata in which the Pub/Sub keeps what the broker knows of a message's earlier deliveries. On
    /// deliveries after the first they may be there beside what was published. Default: none.
    public var redeliveryMetadata: Set<String> = []

    public init() {}

    /// The same features after `change`, so that a set of them can be written as one expression.
    public func with(_ change: (inout PubSubFeatures) -> Void) -> PubSubFeatures {
        var copy = self
        change(&copy)
        return copy
    }
}
