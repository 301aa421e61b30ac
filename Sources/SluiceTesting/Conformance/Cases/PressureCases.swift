import Sluice
import Synchronization

extension PubSubConformance {
    /// Slow consumers, and publishers that have to wait for them.
    static let pressureCases: [Case] = [
        Case("goesOnAfterASlowConsumerWasFull") { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic, capacity: 8)
            let messages = run.messages(max(run.scaled(100), min(4 * inbox.subscription.capacity, 2_000)))
            let publisher = try await run.publisher()
            let publishing = run.time.task {
                for message in messages { try await publisher.publish([message], to: topic) }
            }
            defer { publishing.cancel() }
            let subscription = inbox.subscription
            let filled = min(subscription.capacity, messages.count)
            try await run.wait(for: "a full subscription", but: { "it held \(subscription.count) of \(filled)" }) {
                subscription.count >= filled
            }
            try run.expect(
                subscription.count <= subscription.capacity, "at most \(subscription.capacity) buffered deliveries",
                but: "there were \(subscription.count)")
            try await inbox.receive(all: messages)
            try await run.within { try await publishing.value }
        },
        Case("deliversABatchThatIsLargerThanTheSubscription") { run in
            let topic = run.harness.uniqueTopic()
            let inbox = try await run.inbox(topic, capacity: 4)
            let messages = run.messages(50)
            let publisher = try await run.publisher()
            let publishing = run.time.task { try await publisher.publish(messages, to: topic) }
            defer { publishing.cancel() }
            try await inbox.receive(all: messages)
            try await run.within { try await publishing.value }
        },
        Case("holdsBackAPublisherWhileASubscriptionIsFull", needs: .backPressure) { run in
            let blocked = try await BlockedPublish(run)
            let accepted = blocked.accepted
            try await run.drainBlocked(blocked)
            try run.expect(
                accepted < blocked.messages.count, "a publish to wait", but: "all \(accepted) were taken at once")
            try await run.within { try await blocked.publishing.value }
            try run.expect(blocked.error == nil, "the publish to succeed", but: "it failed")
        },
        Case("cancelsAPublishThatWaits", needs: .backPressure) { run in
            let blocked = try await BlockedPublish(run)
            blocked.publishing.cancel()
            run.step("waiting for a cancelled publish to end")
            try await run.within { try await blocked.publishing.value }
            try run.expect(blocked.error != nil, "a cancelled publish to throw", but: "it succeeded")
            try await blocked.expectOnlyAccepted(run)
            // The publisher and the topic are as good as before.
            let more = run.messages(1)
            try await run.within { try await blocked.publisher.publish(more, to: blocked.inbox.topic) }
            try await blocked.inbox.receive(all: more)
        },
        Case("endsAPublishThatWaitsWhenItsPublisherIsClosed", needs: .backPressure) { run in
            let blocked = try await BlockedPublish(run)
            run.step("closing a publisher whose publish waits")
            try await run.within {
                await blocked.publisher.close()
                try await blocked.publishing.value
            }
            try run.expect(blocked.error != nil, "the publish that waited to throw", but: "it succeeded")
            try await blocked.expectOnlyAccepted(run)
        },
        Case("endsAPublishThatWaitsWhenTheSubscriptionCloses", needs: .backPressure) { run in
            let blocked = try await BlockedPublish(run)
            run.step("closing a subscriber that a publish waits for")
            try await run.within { await blocked.inbox.subscriber.close() }
            // Without a subscription the publish may go on, or wait for the group's next one.
            if run.features.consumerGroups {
                let next = try await run.inbox(blocked.inbox.topic)
                try await run.drain([next], until: Array(blocked.messages.suffix(1)))
            }
            try await run.within { try await blocked.publishing.value }
        },
    ]
}

/// A task that publishes one message after the other until it has to wait, because there is no reader.
private final class BlockedPublish: Sendable {
    let inbox: Inbox
    let messages: [Message]
    let publisher: any Publisher
    let publishing: Task<Void, any Error>
    private let state = State()

    private final class State: Sendable {
        let values = Mutex<(accepted: Int, error: (any Error)?)>((0, nil))
    }

    init(_ run: ConformanceRun) async throws {
        let topic = run.harness.uniqueTopic()
        let inbox = try await run.inbox(topic, capacity: 4)
        let messages = run.messages(4 * inbox.subscription.capacity + 16)
        let publisher = try await run.publisher()
        self.inbox = inbox
        self.messages = messages
        self.publisher = publisher
        publishing = run.time.task { [state] in
            for message in messages {
                do { try await publisher.publish([message], to: topic) } catch {
                    state.values.withLock { $0.error = error }
                    return
                }
                state.values.withLock { $0.accepted += 1 }
            }
        }
        // It waits when nothing has been accepted for a while.
        let state = state
        var last = -1
        try await run.wait(for: "a publish that waits") { inbox.subscription.count >= inbox.subscription.capacity }
        while last != state.values.withLock(\.accepted) {
            last = state.values.withLock(\.accepted)
            try await run.time.sleep(for: run.harness.quiet / 2)
        }
        try run.expect(
            last < messages.count, "a publish to wait while there is no reader", but: "all \(last) messages were taken")
    }

    var accepted: Int { state.values.withLock(\.accepted) }
    var error: (any Error)? { state.values.withLock(\.error) }

    /// Everything that was accepted is delivered, and nothing else.
    func expectOnlyAccepted(_ run: ConformanceRun) async throws {
        let count = accepted
        let came = try await inbox.receive(count)
        try run.expect(
            Set(came.map(\.message.id)) == Set(messages.prefix(count).map(\.id)), "the \(count) accepted messages",
            but: "others came")
        try await inbox.expectNothing("that was not accepted")
    }
}

extension ConformanceRun {
    fileprivate func drainBlocked(_ blocked: BlockedPublish) async throws {
        try await drain([blocked.inbox], until: blocked.messages)
    }
}
