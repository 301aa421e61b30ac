import Sluice

/// What sources publish to: a fact goes to the topic of facts, in one with the events beside it.
///
/// Where it checks, it takes nothing that readers would refuse: what a source's own handlers and routes publish is refused while
/// their sender can be told of it.
final class IntakePublisher: SortingPublisher {
    private let queue: any EventQueue
    private let isChecking: Bool

    init(_ queue: any EventQueue, isChecking: Bool) {
        self.queue = queue
        self.isChecking = isChecking
    }

    var name: String { queue.publisher.name }
    var messagingSystem: String { queue.publisher.messagingSystem }
    var time: RouterTime? { queue.publisher.time }
    var otherTopics: [Topic] { [queue.facts] }

    func destination(of message: Message, publishedTo topic: Topic) -> Topic {
        topic == queue.events && Fact.isFact(message) ? queue.facts : topic
    }

    func publish(_ messages: [Message], to topic: Topic) async throws {
        guard topic == queue.events else { return try await queue.publisher.publish(messages, to: topic) }
        if isChecking {
            for message in messages { try check(message) }
        }
        let facts = messages.filter(Fact.isFact)
        guard !facts.isEmpty else { return try await queue.publisher.publish(messages, to: topic) }
        try await queue.takeIn(messages.filter { !Fact.isFact($0) }, facts: facts)
    }

    private func check(_ message: Message) throws(SourceError) {
        guard Fact.isFact(message) else { return try Event.check(message) }
        _ = try Fact(message)
    }

    func close() async {
        await queue.publisher.close()
    }
}
