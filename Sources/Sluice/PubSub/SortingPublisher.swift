/// A publisher that puts some of what it is given on other topics than that of the call, so that a handler's messages for several
/// topics are taken, or refused, together.
package protocol SortingPublisher: Publisher {
    /// Where it may put messages beside the topic of the call.
    var otherTopics: [Topic] { get }

    /// Where it puts a message that is published to `topic`.
    func destination(of message: Message, publishedTo topic: Topic) -> Topic
}
