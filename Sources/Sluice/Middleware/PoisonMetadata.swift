/// The names in the metadata of a message in a poison queue: what ``PoisonQueue`` adds.
///
/// ```swift
/// let reason = message.metadata[PoisonMetadata.reason]
/// ```
///
/// The first four are Watermill's.
public enum PoisonMetadata {
    /// What went wrong, as text.
    public static let reason = "reason_poisoned"
    /// The topic that the message was read from.
    public static let topic = "topic_poisoned"
    /// The route that could not handle it.
    public static let handler = "handler_poisoned"
    /// The kind of subscriber that it came from.
    public static let subscriber = "subscriber_poisoned"
    /// When it was poisoned, in milliseconds since 1970.
    public static let time = "time_poisoned"
    /// How often its handler was called.
    public static let attempts = "attempts_poisoned"
    /// The partition that it was read from, where there are partitions.
    public static let partition = "partition_poisoned"
    /// The offset at which it was read, where there are offsets.
    public static let offset = "offset_poisoned"
    /// How many bytes its payload had, where the copy has fewer.
    public static let truncated = "truncated_poisoned"
    /// The beginning of its id, where that is too long for the poison queue.
    public static let id = "id_poisoned"
    /// How often it had come back from a poison queue, and failed again. ``PoisonQueue`` does not count that; what puts messages
    /// back does.
    public static let rounds = "poison_rounds"

    /// All of them: what a message that is handled again should be rid of.
    public static let all = [
        reason, topic, handler, subscriber, time, attempts, partition, offset, truncated, id, rounds,
    ]
}
